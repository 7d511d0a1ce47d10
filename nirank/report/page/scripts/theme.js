/* Light or dark: as the reader's system says, until the reader says otherwise. */
function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

function remember(key, value) {
  try {
    if (value === undefined) return localStorage.getItem(key);
    localStorage.setItem(key, value);
  } catch {
    /* a browser may forbid this for files */
  }
  return null;
}

function startTheme() {
  const stored = remember("nirank-theme");
  if (stored === "light" || stored === "dark") document.documentElement.dataset.theme = stored;
  const button = make("button", { class: "button", type: "button", onclick: toggle });
  function label() {
    button.textContent = isDark() ? "Light" : "Dark";
    button.setAttribute("aria-label", `Show the page ${isDark() ? "light" : "dark"}`);
  }
  function toggle() {
    document.documentElement.dataset.theme = isDark() ? "light" : "dark";
    remember("nirank-theme", document.documentElement.dataset.theme);
    label();
  }
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", label);
  label();
  find("#tools").append(button);
}
