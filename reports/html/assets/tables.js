// Tables that are sorted by a click on a heading, or by Enter on it; the gallery's order.
"use strict";

(() => {
  // The number a cell begins with; null for words and for the dash of what is undefined.
  function number(text) {
    const found = text.trim().match(/^[+-]?\d+(\.\d+)?/);
    return found ? Number(found[0]) : null;
  }

  // Numbers by size, words by alphabet, what is undefined last in both directions.
  function compare(a, b, numeric, sign) {
    if (!numeric) return sign * a.localeCompare(b, undefined, { numeric: true });
    const x = number(a), y = number(b);
    if (x === null || y === null) return (x === null) - (y === null);
    return sign * (x - y);
  }

  function sort(table, column) {
    const heading = table.tHead.rows[0].cells[column];
    const numeric = heading.classList.contains("number");
    const now = heading.getAttribute("aria-sort");
    const down = now ? now === "ascending" : numeric;
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", down ? "descending" : "ascending");
    const rows = [...table.tBodies[0].rows];
    const text = (row) => row.cells[column].textContent.trim();
    rows.sort((a, b) => compare(text(a), text(b), numeric, down ? -1 : 1));
    table.tBodies[0].append(...rows);
  }

  for (const table of document.querySelectorAll("table.sortable")) {
    [...table.tHead.rows[0].cells].forEach((heading, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...heading.childNodes);
      button.addEventListener("click", () => sort(table, column));
      heading.append(button);
    });
  }

  // "", best or worst J first, or where the runs differ most.
  function rank(card, order) {
    const means = JSON.parse(card.dataset.means).filter((mean) => mean !== null);
    if (!order || !means.length) return Number(card.dataset.place);
    if (order === "spread") return Math.min(...means) - Math.max(...means);
    const mean = means.reduce((a, b) => a + b) / means.length;
    return order === "best" ? -mean : mean;
  }

  for (const select of document.querySelectorAll("select.order")) {
    const gallery = document.getElementById(select.dataset.gallery);
    select.addEventListener("change", () => {
      const cards = [...gallery.children];
      cards.sort((a, b) => rank(a, select.value) - rank(b, select.value));
      gallery.append(...cards);
    });
  }

  // Paper has no clicks: what is folded is printed open.
  let folded = [];
  window.addEventListener("beforeprint", () => {
    folded = [...document.querySelectorAll("main details:not([open])")];
    for (const each of folded) each.open = true;
  });
  window.addEventListener("afterprint", () => {
    for (const each of folded) each.open = false;
  });
})();
