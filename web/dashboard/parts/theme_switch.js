// Chooses the theme: the system's, light, dark.
const NEXT = { system: "light", light: "dark", dark: "system" };
const PATHS = {
  system: "M4 5h16v11H4ZM9 20h6M12 16v4",
  light: "M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8ZM12 3v1.5M12 19.5V21M3 12h1.5M19.5 12H21M5.6 5.6l1.1 1.1M17.3 17.3l1.1 1.1M5.6 18.4l1.1-1.1M17.3 6.7l1.1-1.1",
  dark: "M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.5Z",
};

export default {
  template: `
    <button type="button" class="button button--plain" :aria-label="label" :title="label" @click="change">
      <svg class="glyph" viewBox="0 0 24 24" aria-hidden="true"><path :d="path" /></svg>
    </button>`,
  data: () => ({ choice: "system" }),
  computed: {
    path() {
      return PATHS[this.choice];
    },
    label() {
      return `Theme: ${this.choice}. Change to ${NEXT[this.choice]}`;
    },
  },
  mounted() {
    this.choice = window.recursor.theme();
  },
  methods: {
    change() {
      this.choice = window.recursor.chooseTheme(NEXT[this.choice]);
    },
  },
};
