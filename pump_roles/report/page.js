"use strict";
{
  const form = document.getElementById("filters");
  const fields = form.elements;
  const count = document.getElementById("count");
  const roles = [...fields.role.options].slice(1).map((option) => option.value);
  const checks = ["new", "legacy", "data", "spends"];

  // Read once: what a keystroke compares with.
  const index = [...document.getElementById("table").tBodies[0].rows].map((row) => {
    const [, level, , ...grants] = row.cells;
    return {
      row,
      shown: true,
      text: row.textContent.toLowerCase(),
      service: row.id.split(":")[0],
      levels: level.textContent.split(", "),
      marks: row.dataset.marks.split(" "),
      decisions: grants.map((cell) => cell.className),
    };
  });

  const apply = () => {
    const words = fields.text.value.toLowerCase().split(/\s+/).filter(Boolean);
    const { value: service } = fields.service;
    const { value: level } = fields.level;
    const role = roles.indexOf(fields.role.value);
    const decision = fields.decision.value.replaceAll(" ", "-");
    const marks = checks.filter((name) => fields[name].checked);
    let shown = 0;
    for (const entry of index) {
      const decisions = role < 0 ? entry.decisions : [entry.decisions[role]];
      const show =
        words.every((word) => entry.text.includes(word)) &&
        (!service || entry.service === service) &&
        (!level || entry.levels.includes(level)) &&
        decisions.some((found) => (decision ? found === decision : found)) &&
        marks.every((mark) => entry.marks.includes(mark));
      if (show !== entry.shown) {
        entry.row.hidden = !show;
        entry.shown = show;
      }
      shown += show;
    }
    count.textContent = `${shown} of ${index.length} actions`;
  };

  const query = () =>
    new URLSearchParams([...new FormData(form)].filter(([, value]) => value)).toString();

  // The address is #action, #?filters or #action?filters.
  const write = (action) => {
    const filters = query();
    const hash = action + (filters && `?${filters}`);
    history.replaceState(null, "", location.href.split("#")[0] + (hash && `#${hash}`));
  };

  const clear = () => {
    form.reset();
    apply();
  };

  const open = (action) => {
    const row = document.getElementById(action);
    if (!row || row.localName !== "tr") return;
    if (row.hidden) clear();
    for (const details of row.querySelectorAll("details")) details.open = true;
    row.scrollIntoView({ block: "center" });
    row.focus({ preventScroll: true });
  };

  const read = () => {
    const [name, filters] = location.hash.slice(1).split(/\?(.*)/s);
    if (filters !== undefined || !name) {
      form.reset();
      for (const [key, value] of new URLSearchParams(filters)) {
        const field = fields.namedItem(key);
        if (field?.type === "checkbox") field.checked = value === "1";
        else if (field?.name) field.value = value;
        if (field?.selectedIndex < 0) field.selectedIndex = 0;
      }
      apply();
    }
    // Unlike decodeURIComponent, this takes any text.
    open(new URLSearchParams(`name=${name}`).get("name"));
    write(name);
  };

  form.addEventListener("input", () => {
    apply();
    write("");
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  document.getElementById("clear").addEventListener("click", () => {
    clear();
    write("");
  });
  addEventListener("keydown", (event) => {
    if (event.key === "Escape" && query()) {
      clear();
      write("");
    }
    const plain = !event.ctrlKey && !event.metaKey && !event.altKey;
    if (event.key === "/" && plain && !event.target.matches("input, select, textarea")) {
      event.preventDefault();
      fields.text.focus();
    }
  });
  addEventListener("hashchange", read);

  form.hidden = false;
  read();
  performance.mark("ready");
}
