"use strict";
{
  const find = (id) => document.getElementById(id);
  const all = (selector, of = document) => [...of.querySelectorAll(selector)];
  const form = find("filters");
  const fields = form.elements;
  const said = find("said");
  const { roles, texts } = JSON.parse(find("data").textContent);
  const date = document.querySelector("time").dateTime;
  // A search that finds more leaves the services folded.
  const MOST = 200;
  // A longer search is cut, because the time for a pattern grows with its length. No action's name is as long.
  const LONGEST = 256;

  // Read once, so that each keystroke is fast.
  const rows = all("li", find("rows")).map((row) => ({
    row,
    shown: true,
    name: row.id.toLowerCase(),
    text: row.textContent.toLowerCase(),
    kind: row.dataset.kind,
    roles: row.dataset.roles.split(" "),
  }));
  // What is hidden if none of its rows is shown.
  const parts = new Map();
  for (const entry of rows) {
    for (const part of [entry.row.parentElement, entry.row.closest(".service"), entry.row.closest(".group")]) {
      if (!parts.has(part)) parts.set(part, []);
      parts.get(part).push(entry);
    }
  }

  const say = (name, values = {}) => texts[name].replace(/\{(\w+)\}/g, (_, value) => values[value]);
  const number = (value) => value.toLocaleString("en-US");
  const query = () => new URLSearchParams([...new FormData(form)].filter(([, value]) => value)).toString();

  // As in IAM, patterns have the wildcards * and ?, and ignore case. If what follows a * does not match,
  // only the last * takes one more character: the time cannot grow exponentially.
  const matcher = (pattern) => (name) => {
    const [wanted, text] = [pattern.toLowerCase(), name.toLowerCase()];
    let [i, j, star, taken] = [0, 0, -1, 0];
    while (j < text.length) {
      if (wanted[i] === "*") [star, taken] = [i++, j];
      else if (wanted[i] === "?" || wanted[i] === text[j]) [i, j] = [i + 1, j + 1];
      else if (star < 0) return false;
      else [i, j] = [star + 1, ++taken];
    }
    return /^[*]*$/.test(wanted.slice(i));
  };

  // Whether any name matches both patterns: row[j] is whether one matches the rest of both, from i and j.
  const overlap = (one, other) => {
    let row = [];
    for (let i = one.length; i >= 0; i--) {
      const next = row;
      row = [];
      for (let j = other.length; j >= 0; j--) {
        const [a, b] = [one[i], other[j]];
        if (!a && !b) row[j] = true;
        else if (a === "*") row[j] = next[j] || row[j + 1];
        else if (b === "*") row[j] = row[j + 1] || next[j];
        else row[j] = a && b && (a === b || a === "?" || b === "?") && next[j + 1];
      }
    }
    return row[0];
  };

  const matches = (pattern, name) =>
    Array.isArray(pattern)
      ? !pattern.some((excluded) => matcher(excluded)(name))
      : matcher(pattern)(name);

  const words = (pattern) => (Array.isArray(pattern) ? say("all_but", { patterns: pattern.join(", ") }) : pattern);
  const granted_by = (found) => found.map(([policy, , pattern]) => `${policy} ${words(pattern)}`).join(", ");
  const not_granted = (role) => say(role.readable ? "not_granted" : "unknown");

  // What a role's patterns decide about an action that has no row.
  const decide = (role, name) => {
    const found = role.patterns.filter(([, , pattern]) => matches(pattern, name));
    const allows = found.filter(([, decision]) => decision === "allowed");
    const denies = found.filter(([, decision]) => decision !== "allowed");
    if (!allows.length) return not_granted(role);
    const by = granted_by(allows);
    const strongest = ["denied", "conditionally denied", "denied on some resources"].find(
      (decision) => denies.some(([, other]) => other === decision),
    );
    if (!strongest) return say("allowed", { by });
    const denied = [...new Set(denies.map(([policy]) => policy))].join(", ");
    return say("denied_by", { decision: strongest, denied, by });
  };

  const may = (role, asked) => {
    const found = role.patterns.filter(
      ([, decision, pattern]) =>
        decision === "allowed" &&
        (Array.isArray(pattern) || overlap(pattern.toLowerCase(), asked.toLowerCase())),
    );
    return found.length ? say("may_match", { by: granted_by(found) }) : not_granted(role);
  };

  const sentences = (asked, shown) => {
    // A service by itself means all of its actions.
    const is_service = /^[\w-]+:?$/.test(asked) && !shown;
    const pattern = is_service ? `${asked.replace(":", "")}:*` : asked;
    const by_role = (decided, about) => roles.map((role) => `${role.kind}: ${decided(role, about)}.`);
    // While the beginning of a listed action is typed, there is nothing to answer.
    const is_action = /^[\w-]+:[\w-]+$/.test(asked);
    if (is_action && !rows.some(({ name }) => name.startsWith(asked.toLowerCase()))) {
      return [say("not_listed", { asked, date }), ...by_role(decide, asked)];
    }
    if (shown) return [];
    if (/^[\w*?-]+:[\w*?-]*[*?]/.test(pattern)) {
      const text = is_service ? "no_service" : "no_pattern";
      return [say(text, { asked: is_service ? asked : pattern }), ...by_role(may, pattern)];
    }
    if (!asked) return [say("no_filtered")];
    const none = say(fields.kind.value || fields.role.value ? "no_match_filtered" : "no_match", { asked });
    return asked.includes(":") ? [none] : [none, say("ask")];
  };

  const apply = () => {
    if (fields.text.value.length > LONGEST) fields.text.value = fields.text.value.slice(0, LONGEST);
    // A line pasted from a policy has quotes and a comma.
    const asked = fields.text.value.replace(/["',]/g, " ").trim();
    const terms = asked.toLowerCase().split(/\s+/).filter(Boolean);
    const pattern = terms.length === 1 && /[*?]/.test(asked) && matcher(asked);
    const [kind, role] = [fields.kind.value, fields.role.value];
    let shown = 0;
    for (const entry of rows) {
      const show =
        (pattern
          ? pattern(entry.name) || pattern(entry.name.split(":")[1])
          : terms.every((term) => entry.text.includes(term))) &&
        (!kind || entry.kind === kind) &&
        (!role || (role === "only" ? entry.roles.join() === roles.at(-1).kind : entry.roles.includes(role)));
      if (show !== entry.shown) entry.row.hidden = !show;
      entry.shown = show;
      shown += show;
    }
    const filtered = query() !== "";
    form.classList.toggle("filtered", filtered);
    for (const [part, entries] of parts) {
      part.hidden = !entries.some((entry) => entry.shown);
      // The pattern that grants its actions.
      if (part.matches(".acts")) part.previousElementSibling.hidden = part.hidden;
      if (part.matches(".service")) part.open = filtered && shown <= MOST;
    }
    fields.count.value = say("count", { number: number(shown), total: number(rows.length) });
    said.replaceChildren(
      ...sentences(asked, shown).map((sentence) => Object.assign(document.createElement("p"), { textContent: sentence })),
    );
  };

  // The list is one tab stop; the arrow keys move within it.
  let focusable;
  const current = (row) => {
    if (focusable) focusable.tabIndex = -1;
    focusable = row;
    if (row) row.tabIndex = 0;
  };
  const reachable = () => rows.filter(({ row, shown }) => shown && row.closest(".service").open).map(({ row }) => row);
  const settle = () => {
    const found = reachable();
    if (!found.includes(focusable)) current(found[0]);
  };
  for (const service of all(".service")) service.addEventListener("toggle", settle);
  find("rows").addEventListener("keydown", (event) => {
    if (!event.target.matches("li")) return;
    const found = reachable();
    const index = found.indexOf(event.target);
    const keys = { ArrowDown: found[index + 1], ArrowUp: found[index - 1], Home: found[0], End: found.at(-1) };
    if (!keys[event.key]) return;
    event.preventDefault();
    current(keys[event.key]);
    focusable.focus();
  });

  // The address is #section, #action, #actions?filters, or #action?filters.
  const write = (name) => {
    const filters = query();
    const hash = filters ? `${name || "actions"}?${filters}` : name;
    // The Back button then returns to where the search began.
    const begins = filters && !location.hash.includes("?");
    const address = location.href.split("#")[0] + (hash && `#${hash}`);
    history[begins ? "pushState" : "replaceState"](null, "", address);
  };

  const read = () => {
    const [name, filters] = location.hash.slice(1).split(/\?(.*)/s);
    if (filters !== undefined || !name) {
      form.reset();
      for (const [key, value] of new URLSearchParams(filters)) {
        const field = fields.namedItem(key);
        if (field?.name) field.value = value;
        if (field?.selectedIndex < 0) field.selectedIndex = 0;
      }
      apply();
    }
    // Unlike decodeURIComponent, this accepts any text.
    const id = new URLSearchParams(`name=${name}`).get("name");
    let target = find(id) ?? rows.find((entry) => entry.name === id.toLowerCase())?.row;
    if (!target && /^[\w-]+:\w+$/.test(id)) {
      // There is no row, so the search answers.
      fields.text.value = id;
      target = find("actions");
      apply();
    } else if (target?.hidden) {
      form.reset();
      apply();
    }
    for (let part = target; part; part = part.parentElement) if (part.matches("details")) part.open = true;
    target?.scrollIntoView();
    if (target?.matches("#rows li")) {
      current(target);
      target.focus({ preventScroll: true });
    }
    write(name);
  };

  const clear = () => {
    form.reset();
    apply();
    write("");
  };
  form.addEventListener("input", () => {
    apply();
    write("");
    // Scrolls the results to right below the search.
    if (find("rows").getBoundingClientRect().top < form.offsetHeight) find("actions").scrollIntoView();
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  fields.text.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== "ArrowDown") return;
    event.preventDefault();
    const first = reachable()[0];
    if (first) current(first);
    (first ?? all(".service > summary").find((summary) => summary.checkVisibility()) ?? said).focus();
  });
  addEventListener("keydown", (event) => {
    const here = event.target === document.body || form.contains(event.target);
    if (event.key === "Escape" && here && query()) clear();
    const plain = !event.ctrlKey && !event.metaKey && !event.altKey;
    if (event.key === "/" && plain && !event.target.matches("input, select, textarea")) {
      event.preventDefault();
      fields.text.focus();
    }
  });
  addEventListener("hashchange", read);

  for (const button of all(".copy")) {
    button.addEventListener("click", async () => {
      const markdown = find("markdown");
      const status = find("copied");
      try {
        await navigator.clipboard.writeText(markdown.textContent);
        status.textContent = button.textContent = say("copied");
      } catch {
        markdown.closest("details").open = true;
        getSelection().selectAllChildren(markdown);
        markdown.scrollIntoView({ block: "center" });
        status.textContent = say("selected");
      }
    });
  }

  for (const hidden of all(".script")) hidden.hidden = false;
  read();
}
