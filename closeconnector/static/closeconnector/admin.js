// Beside the theme's own scripts: charts follow what is loaded again, and the server learns the viewer's time zone.

(() => {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone && !document.cookie.includes(`timezone=${encodeURIComponent(zone)}`)) {
    document.cookie = `timezone=${encodeURIComponent(zone)}; path=/admin/; max-age=31536000; samesite=lax`;
  }

  // The search fields of the library's selects have no name of their own.
  const nameSearches = () => {
    for (const select of document.querySelectorAll("select.select2-hidden-accessible")) {
      const field = select.nextElementSibling?.querySelector(".select2-search__field");
      const name = select.labels?.[0]?.textContent.trim() || select.getAttribute("aria-label");
      if (field && name) field.setAttribute("aria-label", name);
    }
  };
  document.addEventListener("DOMContentLoaded", () => {
    nameSearches();
    new MutationObserver(nameSearches).observe(document.body, { childList: true, subtree: true });
  });

  document.addEventListener("formset:added", (event) => {
    if (window.django?.jQuery?.fn.djangoCustomSelect2) {
      django.jQuery(event.target).find(".unfold-admin-autocomplete").djangoCustomSelect2();
    }
  });

  document.addEventListener("htmx:afterSettle", () => {
    const drawn = [...document.querySelectorAll("canvas.chart")];
    const told = [...document.querySelectorAll("script[data-chart-data]")].map((one) => JSON.parse(one.textContent));
    // A chart without data has no canvas: those that are drawn follow those that have something to tell.
    told.filter((one) => one.datasets.length).forEach(({ labels, datasets }, place) => {
      const chart = drawn[place] && Chart.getChart(drawn[place]);
      if (!chart) return;
      const hidden = new Set(chart.data.datasets.filter((_, at) => !chart.isDatasetVisible(at)).map((one) => one.label));
      chart.data.labels = labels;
      chart.data.datasets = datasets.map((one) => ({ ...one, hidden: hidden.has(one.label) }));
      chart.update("none");
    });
  });
})();
