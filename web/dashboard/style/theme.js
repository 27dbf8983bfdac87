// Runs before the first paint: sets the theme chosen in this browser, the server's clock, the page's data for the
// server, and the check before Back or Forward opens another page.
(() => {
  const root = document.documentElement;
  const KEY = "recursor.theme";
  const system = matchMedia("(prefers-color-scheme: dark)");
  const apply = () => {
    let choice = "system";
    try {
      choice = localStorage.getItem(KEY) ?? "system";
    } catch {
      // Storage is disabled: use the system's theme.
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
    // Milliseconds to add to this browser's clock to get the server's.
    clockAhead: 0,
    now: () => Date.now() + window.recursor.clockAhead,
  };
  system.addEventListener("change", apply);
  addEventListener("storage", apply);
  addEventListener("DOMContentLoaded", apply);
  apply();
  // A window's listeners are called in order of registration, and the library's opens the page in the address: a
  // listener that may prevent this has to be registered first.
  addEventListener("popstate", (event) => window.recursor.beforeTravel?.(event));
  document.addEventListener("visibilitychange", () => window.emitEvent?.("page_hidden", document.hidden));
})();
