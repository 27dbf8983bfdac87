// Asks before a page with unsaved input is left.
export default {
  template: `<span hidden></span>`,
  props: { question: String },
  created() {
    // The position that Back and Forward leave.
    this.place = null;
  },
  mounted() {
    addEventListener("beforeunload", this.unload);
    // Before the pages' own listener, which opens the link's target.
    document.addEventListener("click", this.follow, true);
    window.recursor.beforeTravel = this.travel;
  },
  beforeUnmount() {
    removeEventListener("beforeunload", this.unload);
    document.removeEventListener("click", this.follow, true);
    if (window.recursor.beforeTravel === this.travel) window.recursor.beforeTravel = null;
  },
  watch: {
    question(now, before) {
      if (!before) this.remember();
    },
  },
  methods: {
    remember() {
      const { pathname, href } = location;
      this.place = { pathname, href, state: history.state, index: window.navigation?.currentEntry?.index };
    },
    stays() {
      // A runner that does not answer could not save it either, and the page must be able to reload.
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
    travel(event) {
      // The browser reports this after the move: to stay, move back without opening anything.
      if (this.stays() && location.pathname !== this.place.pathname && !confirm(this.question)) {
        event.stopImmediatePropagation();
        this.comeBack();
      } else if (location.pathname === this.place?.pathname) {
        if (this.coming) event.stopImmediatePropagation();
        this.coming = false;
        this.remember();
      }
    },
    comeBack() {
      const { index, href, state } = this.place;
      const steps = index - window.navigation?.currentEntry?.index;
      this.coming = Boolean(steps);
      // Without its position in the history, the page can only be pushed again: forward entries are lost.
      if (steps) history.go(steps);
      else history.pushState(state, "", href);
    },
  },
};
