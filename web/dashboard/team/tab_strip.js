// Links side by side. If they do not all fit, the open one is visible, and edges with more links behind them fade.
export default {
  template: `
    <nav class="tabs" :class="{ 'tabs--before': before, 'tabs--after': after }" @scroll.passive="look">
      <slot></slot>
    </nav>`,
  data: () => ({ before: false, after: false }),
  mounted() {
    this.size = new ResizeObserver(this.show);
    this.size.observe(this.$el);
    this.marks = new MutationObserver(this.show);
    this.marks.observe(this.$el, { subtree: true, attributes: true, attributeFilter: ["aria-current"] });
    this.show();
  },
  beforeUnmount() {
    this.size.disconnect();
    this.marks.disconnect();
  },
  methods: {
    show() {
      const strip = this.$el, open = strip.querySelector('[aria-current="page"]');
      // Only sideways: scrollIntoView would move the page, too.
      if (open) strip.scrollLeft = open.offsetLeft - (strip.clientWidth - open.offsetWidth) / 2;
      this.look();
    },
    look() {
      const strip = this.$el;
      this.before = strip.scrollLeft > 1;
      this.after = strip.scrollLeft + strip.clientWidth < strip.scrollWidth - 1;
    },
  },
};
