"use strict";
// Filters the hosts by words and severity. Without it, all of them are shown.
const form = document.getElementById("filter");
const words = document.getElementById("words");
const shown = document.getElementById("shown");
const hosts = [...document.querySelectorAll(".host")].map((element) => ({
  element,
  text: element.textContent.toLowerCase(),
  severity: element.dataset.severity,
}));
function filter() {
  const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
  const severities = new Set([...form.querySelectorAll(":checked")].map((box) => box.value));
  let count = 0;
  for (const host of hosts) {
    const kept = severities.has(host.severity) && wanted.every((word) => host.text.includes(word));
    host.element.hidden = !kept;
    count += kept ? 1 : 0;
  }
  shown.textContent = `${count} of ${hosts.length} hosts shown`;
}
form.addEventListener("input", filter);
form.addEventListener("submit", (event) => event.preventDefault());
form.hidden = false;
filter();
