// A dialog: the browser's own, which keeps the focus inside, closes on Esc and returns the focus.
let count = 0;

export default {
  template: `
    <dialog class="modal" :class="{ 'modal--wide': wide }" :aria-labelledby="name" @close="closed" @click="outside">
      <div class="modal-head">
        <h2 :id="name">{{ heading }}</h2>
        <button type="button" class="button button--plain" aria-label="Close" @click="$el.close()">
          <svg class="glyph" viewBox="0 0 24 24" aria-hidden="true"><path d="M6 6l12 12M18 6 6 18" /></svg>
        </button>
      </div>
      <div class="modal-body"><slot></slot></div>
    </dialog>`,
  props: { heading: String, open: Boolean, wide: Boolean },
  emits: ["closed"],
  data: () => ({ name: `modal-${++count}` }),
  watch: {
    open(now) {
      this.follow(now);
    },
  },
  mounted() {
    this.follow(this.open);
  },
  methods: {
    follow(open) {
      if (open && !this.$el.open) this.$el.showModal();
      else if (!open && this.$el.open) this.$el.close();
    },
    closed() {
      this.$emit("closed");
    },
    outside(event) {
      // A press on the backdrop counts as one on the dialog itself, outside its box.
      const box = this.$el.getBoundingClientRect();
      const inside = event.clientX >= box.left && event.clientX <= box.right
        && event.clientY >= box.top && event.clientY <= box.bottom;
      if (event.target === this.$el && !inside) this.$el.close();
    },
  },
};
