// Results of a person's actions: shown for a while, and read out by screen readers.
const PATHS = { good: "M5 12.5l4.5 4.5L19 7.5", bad: "M12 7v6M12 16.5v.01M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18Z" };

export default {
  template: `
    <div class="toasts" role="status" aria-live="polite">
      <div v-for="one in shown" :key="one.id" class="notice" :data-tone="one.tone">
        <svg class="glyph" viewBox="0 0 24 24" aria-hidden="true"><path :d="path(one.tone)" /></svg>
        <span>{{ one.text }}</span>
      </div>
    </div>`,
  data: () => ({ shown: [], next: 1 }),
  methods: {
    path: (tone) => PATHS[tone] ?? PATHS.bad,
    show(text, tone) {
      const id = this.next++;
      this.shown.push({ id, text, tone });
      setTimeout(() => (this.shown = this.shown.filter((one) => one.id !== id)), tone === "bad" ? 9000 : 4000);
    },
  },
};
