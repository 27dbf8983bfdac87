// Asks before a page is left on which something was typed and not saved.
export default {
  template: `<span hidden></span>`,
  props: { question: String },
  mounted() {
    addEventListener("beforeunload", this.unload);
    // Before the pages' own listener, which opens what the link says.
    document.addEventListener("click", this.follow, true);
  },
  beforeUnmount() {
    removeEventListener("beforeunload", this.unload);
    document.removeEventListener("click", this.follow, true);
  },
  methods: {
    stays() {
      // A runner that does not answer could not save it either, and the page must be able to come back.
      const lost = document.documentElement.dataset.connection === "lost";
      return Boolean(this.question) && !lost;
    },
    unload(event) {
      if (this.stays()) event.preventDefault();
    },
    follow(event) {
      const link = event.target.closest("a[href^='/']:not([target], [download])");
      const elsewhere = event.metaKey || event.ctrlKey || event.shiftKey || event.altKey;
      if (!link || elsewhere || !this.stays() || link.pathname === location.pathname || confirm(this.question)) return;
      event.preventDefault();
      event.stopPropagation();
    },
  },
};
