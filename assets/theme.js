// Sets theme and language before the first paint, so that nothing flashes. Runs blocking, so it stays tiny. A kiosk has
// its wishes in its address.
(() => {
  let theme, lang;
  try {
    theme = localStorage.getItem("theme");
    lang = localStorage.getItem("lang");
  } catch {
    /* storage may be forbidden; the browser's own wishes apply */
  }
  if (/\/kiosk\/?$/.test(location.pathname)) {
    const wishes = new URLSearchParams(location.search);
    theme = wishes.get("theme") ?? theme;
    lang = wishes.get("lang") ?? lang;
  }
  const root = document.documentElement;
  if (theme === "dark" || theme === "light") root.dataset.theme = theme;
  root.lang = lang === "nl" || lang === "en" ? lang : (navigator.language || "en").startsWith("nl") ? "nl" : "en";
})();
