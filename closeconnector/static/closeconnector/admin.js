// Beside the theme's own scripts: charts follow what is loaded again, and the server learns the viewer's time zone.

(() => {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone && !document.cookie.includes(`timezone=${encodeURIComponent(zone)}`)) {
    document.cookie = `timezone=${encodeURIComponent(zone)}; path=/admin/; max-age=31536000; samesite=lax`;
  }

  document.addEventListener("htmx:afterSettle", () => {
    const told = document.querySelector("script[data-chart-data]");
    const canvas = document.querySelector("canvas.chart");
    const chart = told && canvas && Chart.getChart(canvas);
    if (!chart) return;
    const { labels, datasets } = JSON.parse(told.textContent);
    const hidden = new Set(chart.data.datasets.filter((_, place) => !chart.isDatasetVisible(place)).map((one) => one.label));
    chart.data.labels = labels;
    chart.data.datasets = datasets.map((one) => ({ ...one, hidden: hidden.has(one.label) }));
    chart.update("none");
  });
})();
