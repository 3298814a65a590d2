"use strict";
(() => {
  const table = document.getElementById("files");
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  const key = (row, at) => row.cells[at].dataset.n ?? row.cells[at].textContent;
  const order = new Intl.Collator(undefined, { numeric: true });
  heads.forEach((head, at) => {
    head.tabIndex = 0;
    const sort = () => {
      const up = head.getAttribute("aria-sort") !== "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const numbers = head.classList.contains("n");
      const rows = [...body.rows].sort((a, b) => {
        const [x, y] = [key(a, at), key(b, at)];
        return (numbers ? x - y : order.compare(x, y)) * (up ? 1 : -1);
      });
      body.append(...rows);
    };
    head.addEventListener("click", sort);
    head.addEventListener("keydown", (event) => {
      if (event.key === "Enter") sort();
    });
  });
  const show = () => {
    const target = document.getElementById(location.hash.slice(1));
    const file = target && target.closest("body > details");
    if (file) {
      file.open = true;
      target.scrollIntoView({ block: target === file ? "start" : "center" });
    }
  };
  addEventListener("hashchange", show);
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='#']");
    if (link && link.hash === location.hash) show();
  });
  document.getElementById("filter").addEventListener("input", (event) => {
    const part = event.target.value.toLowerCase();
    for (const row of body.rows) {
      row.hidden = !row.cells[0].textContent.toLowerCase().includes(part);
    }
  });
  show();
})();
