// Repairs of the theme for screen readers and voice control.
document.addEventListener("DOMContentLoaded", () => {
  // A button is called what it shows: the search field says "Search Ctrl+K", the theme button names its present mode.
  document.querySelectorAll(".search-button-field, .theme-switch-button").forEach((button) => button.removeAttribute("aria-label"));
  // The logo, a link to the first page, belongs to the page's navigation.
  const logo = document.querySelector(".navbar-brand")?.parentElement;
  logo?.setAttribute("role", "navigation");
  logo?.setAttribute("aria-label", "Home");
  // The arrow that opens a chapter's list of sections says so.
  document.querySelectorAll(".bd-sidebar-primary summary").forEach((arrow) => {
    const chapter = arrow.closest("li").querySelector("a").textContent.trim();
    arrow.setAttribute("aria-label", `Sections of ${chapter}`);
  });
  // The corner of a table above its row names is no heading.
  document.querySelectorAll("th").forEach((corner) => {
    if (!corner.textContent.trim()) corner.replaceWith(document.createElement("td"));
  });
});

// What scrolls by itself can be reached with the keyboard: code and tables that are wider than the page.
const reachWide = () =>
  document.querySelectorAll("div.highlight pre, div.output, .pst-scrollable-table-container").forEach((part) => {
    part.tabIndex = part.scrollWidth > part.clientWidth ? 0 : -1;
  });
window.addEventListener("load", reachWide);
window.addEventListener("resize", reachWide);

// A figure whose numbers a notebook hands over as JSON becomes one to zoom in, on the pages where book/interactive.py has plotly.js loaded.
document.addEventListener("DOMContentLoaded", () => {
  document.querySelectorAll("script.plotly-figure").forEach((script) => {
    const picture = document.getElementById(script.dataset.for)?.querySelector("img");
    if (!window.Plotly || !picture) return;
    const plot = document.createElement("div");
    plot.setAttribute("role", "group");
    plot.setAttribute("aria-label", picture.alt);
    picture.replaceWith(plot);
    const style = { colorway: ["#0173b2", "#de8f05", "#029e73", "#d55e00"], margin: { t: 30 } }; // as physnets.plots.set_style has it
    const { data, layout } = JSON.parse(script.textContent);
    const buttons = [["toImage", "zoom2d", "pan2d", "resetScale2d"]]; // the default ones would offer to send the figure to a foreign host
    Plotly.newPlot(plot, data, { ...style, ...layout }, { responsive: true, displaylogo: false, modeBarButtons: buttons });
  });
});
