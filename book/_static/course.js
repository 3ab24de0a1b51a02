// Repairs of the theme for screen readers and voice control.
document.addEventListener("DOMContentLoaded", () => {
  // A button is called what it shows: the search field says "Search Ctrl+K", the theme button names its present mode.
  document.querySelectorAll(".search-button-field, .theme-switch-button").forEach((button) => button.removeAttribute("aria-label"));
  // The logo, a link to the first page, belongs to the page's navigation.
  const logo = document.querySelector(".navbar-brand")?.parentElement;
  logo?.setAttribute("role", "navigation");
  logo?.setAttribute("aria-label", "Home");
});
