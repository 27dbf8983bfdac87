// Runs before anything is painted: the theme that was chosen on this browser, the server's clock, what the server is
// told of this page, and who is asked before Back or Forward opens another.
(() => {
  const root = document.documentElement;
  const KEY = "recursor.theme";
  const system = matchMedia("(prefers-color-scheme: dark)");
  const apply = () => {
    let choice = "system";
    try {
      choice = localStorage.getItem(KEY) ?? "system";
    } catch {
      // Storage is switched off: the system's theme it is.
    }
    if (choice === "system") delete root.dataset.theme;
    else root.dataset.theme = choice;
    const dark = choice === "dark" || (choice === "system" && system.matches);
    window.Quasar?.Dark.set(dark);
    root.dispatchEvent(new CustomEvent("recursor-theme", { detail: { choice, dark } }));
    return choice;
  };
  window.recursor = {
    theme: apply,
    chooseTheme(choice) {
      try {
        localStorage.setItem(KEY, choice);
      } catch {
        root.dataset.theme = choice;
      }
      return apply();
    },
    // Milliseconds to add to this browser's clock to have the server's.
    clockAhead: 0,
    now: () => Date.now() + window.recursor.clockAhead,
  };
  system.addEventListener("change", apply);
  addEventListener("storage", apply);
  addEventListener("DOMContentLoaded", apply);
  apply();
  // Listeners of a window are called in the order in which they came, and the library's opens what the address says:
  // whoever may not want that has to have come before.
  addEventListener("popstate", (event) => window.recursor.beforeTravel?.(event));
  document.addEventListener("visibilitychange", () => window.emitEvent?.("page_hidden", document.hidden));
})();
