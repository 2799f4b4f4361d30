"use strict";
{
  const find = (id) => document.getElementById(id);
  const form = find("filters");
  const fields = form.elements;
  const count = find("count");
  const answer = find("answer");
  const heading = find("actions");
  const shownText = find("shown");
  const { roles, texts } = JSON.parse(find("data").textContent);
  const date = document.querySelector("time").dateTime;
  const checks = ["new", "legacy"];
  // How many answers in plain words a search shows.
  const MOST = 5;

  // Read once, so that each keystroke is fast.
  const rows = [...document.querySelectorAll("#rows li")].map((row) => {
    const decisions = [...row.children].slice(2, 2 + roles.length).map((cell) => cell.className);
    return {
      row,
      shown: true,
      name: row.id.toLowerCase(),
      text: row.textContent.toLowerCase(),
      service: row.id.split(":")[0],
      short: row.id.split(":")[1],
      levels: row.children[1].textContent.split(", "),
      marks: (row.dataset.marks ?? "reads").split(" "),
      risk: (row.dataset.marks ?? "reads").split(" ")[0],
      decisions,
      has: decisions.map((decision) => decision !== "" && decision !== "denied"),
    };
  });
  const services = [...find("rows").children].map((group) => ({
    group,
    number: group.querySelector("summary span"),
    entries: rows.filter(({ row }) => group.contains(row)),
  }));
  // Only a search unfolds them, but without this script nothing is folded.
  let searching = false;
  for (const { group } of services) group.open = false;
  // A text of the page: one that is about a number of things is a pair, for one and for several.
  const say = (key, values = {}, number = 1) => {
    const [section, name] = key.split(".");
    const all = { number: number.toLocaleString("en-US"), ...values };
    return [texts[section][name]].flat().at(number === 1 ? 0 : -1).replace(/\{(\w+)\}/g, (_, value) => all[value]);
  };
  const total = say("units.actions", {}, rows.length);

  // The answers in plain words: found by their titles, because the actions have rows of their own.
  const plain = [...document.querySelectorAll(".answers tbody tr")].map((row) => {
    const title = row.querySelector("th[scope=row]");
    const answers = [...row.querySelectorAll("td[data-role]")].map(
      (cell) => `${cell.dataset.role}: ${cell.querySelector("summary b").textContent}`,
    );
    return { id: row.id, title: title.firstChild.textContent.trim(), text: title.textContent.toLowerCase(), answers };
  });

  // As in IAM, patterns have the wildcards * and ?, and ignore case. What follows a * is taken where
  // it first appears, and never tried again later: that could take forever.
  const matcher = (pattern) => {
    const parts = pattern.replace(/[^\w*?]/g, "\\$&").replaceAll("?", ".").split("*");
    const last = parts.length > 1 ? `.*${parts.pop()}` : "";
    const [first, ...others] = parts;
    const middle = others.map((part, index) => `(?=(.*?${part}))\\${index + 1}`).join("");
    return new RegExp(`^${first}${middle}${last}$`, "is");
  };

  // Whether any name matches both patterns.
  const overlap = (one, other) => {
    const known = new Map();
    const from = (i, j) => {
      const key = i * (other.length + 1) + j;
      if (!known.has(key)) {
        known.set(key, false);
        const [a, b] = [one[i], other[j]];
        let found;
        if (!a && !b) found = true;
        else if (a === "*") found = from(i + 1, j) || (b && from(i, j + 1));
        else if (b === "*") found = from(i, j + 1) || (a && from(i + 1, j));
        else found = a && b && (a === b || a === "?" || b === "?") && from(i + 1, j + 1);
        known.set(key, found);
      }
      return known.get(key);
    };
    return from(0, 0);
  };

  const matches = (pattern, name) =>
    Array.isArray(pattern)
      ? !pattern.some((excluded) => matcher(excluded).test(name))
      : matcher(pattern).test(name);

  const words = (pattern) => (Array.isArray(pattern) ? say("script.all_but", { patterns: pattern.join(", ") }) : pattern);

  // What a role's patterns decide about an action that has no row.
  const decide = (role, name) => {
    const found = role.patterns.filter(([, , pattern]) => matches(pattern, name));
    const allows = found.filter(([, decision]) => decision === "allowed");
    const denies = found.filter(([, decision]) => decision !== "allowed");
    if (!allows.length) {
      return say(role.readable ? "script.not_granted" : "script.unknown");
    }
    const by = allows.map(([policy, , pattern]) => `${policy} ${words(pattern)}`).join(", ");
    const strongest = ["denied", "conditionally denied", "denied on some resources"].find(
      (decision) => denies.some(([, other]) => other === decision),
    );
    if (!strongest) return say("script.allowed", { by });
    const denied = [...new Set(denies.map(([policy]) => policy))].join(", ");
    return say("script.denied_by", { decision: strongest, denied, by });
  };

  const may = (role, asked) => {
    const found = role.patterns.filter(
      ([, decision, pattern]) =>
        decision === "allowed" &&
        (Array.isArray(pattern) || overlap(pattern.toLowerCase(), asked.toLowerCase())),
    );
    if (!found.length) {
      return say(role.readable ? "script.not_granted" : "script.unknown");
    }
    const by = found.map(([policy, , pattern]) => `${policy} ${words(pattern)}`).join(", ");
    return say("script.may_match", { by });
  };

  const sentences = (asked, shown) => {
    const filtered = [...new FormData(form)].some(([name, value]) => name !== "text" && value);
    const name = asked.toLowerCase();
    // A service by itself means all of its actions.
    const is_service = /^[\w-]+:?$/.test(asked) && !shown;
    const pattern = is_service ? `${asked.replace(":", "")}:*` : asked;
    const is_action = /^[\w-]+:[\w-]+$/.test(asked);
    const is_pattern = /^[\w*?-]+:[\w*?-]*$/.test(pattern) && /[*?]/.test(pattern);
    const by_role = (decided, about) => roles.map((role) => `${role.kind}: ${decided(role, about)}.`);
    // While the beginning of a listed action is typed, there is nothing to answer.
    if (is_action && !rows.some((entry) => entry.name.startsWith(name))) {
      return [say("script.not_listed", { asked, date }), ...by_role(decide, asked)];
    }
    if (is_pattern && !shown) {
      const text = is_service ? "script.no_service" : "script.no_pattern";
      return [say(text, { asked: is_service ? asked : pattern }), ...by_role(may, pattern)];
    }
    if (shown) return [];
    if (!asked) return [say("script.no_filtered")];
    const none = say(filtered ? "script.no_match_filtered" : "script.no_match", { asked });
    return asked.includes(":") ? [none] : [none, say("script.ask")];
  };

  // Describes what is shown, for readers who follow a link with filters, and for print.
  const describe = (found) => {
    const fields_in_words = [...form.querySelectorAll("select, input")]
      .filter((field) => (field.type === "checkbox" ? field.checked : field.value))
      .map((field) => {
        const label = field.closest("label").firstChild.textContent.trim();
        if (field.type === "checkbox") return field.parentElement.textContent.trim();
        if (field.type === "search") return `“${field.value.trim()}”`;
        return `${label}: ${field.selectedOptions[0].textContent}`;
      });
    if (!fields_in_words.length) return "";
    const kinds = ["money", "writes", "data", "reads", "denied"];
    const kind_of = (entry) => (entry.has.includes(true) ? entry.risk : "denied");
    const of_kind = kinds.map((kind) => found.filter((entry) => kind_of(entry) === kind).length);
    const counts = kinds.map((kind, index) => say(`kinds.${kind}`, {}, of_kind[index]));
    const listed = counts.filter((_, index) => of_kind[index]).join(", ");
    const number = say("script.shown", { total, filters: fields_in_words.join("; ") }, found.length);
    return listed ? `${number}: ${listed}.` : `${number}.`;
  };

  const decided = (found, decision) =>
    decision === "effective" ? found && found !== "denied" : decision ? found === decision : found;

  const apply = () => {
    // A line pasted from a policy has quotes and a comma.
    const asked = fields.text.value.replace(/["',]/g, " ").trim();
    const terms = asked.toLowerCase().split(/\s+/).filter(Boolean);
    const is_pattern = terms.length === 1 && /[*?]/.test(asked);
    const pattern = is_pattern && matcher(asked);
    const value = (name) => fields[name]?.value ?? "";
    const [service, level, risk] = ["service", "level", "risk"].map(value);
    const role = roles.findIndex(({ kind }) => kind === value("role"));
    const only = roles.findIndex(({ kind }) => kind === value("only"));
    const decision = value("decision").replaceAll(" ", "-");
    const marks = checks.filter((name) => fields[name].checked);
    let shown = 0;
    for (const entry of rows) {
      const decisions = role < 0 ? entry.decisions : [entry.decisions[role]];
      const show =
        (pattern ? pattern.test(entry.name) || pattern.test(entry.short) : terms.every((term) => entry.text.includes(term))) &&
        (!service || entry.service === service) &&
        (!level || entry.levels.includes(level)) &&
        (!risk || entry.marks.includes(risk)) &&
        (only < 0 || entry.has.every((has, index) => has === (index === only))) &&
        decisions.some((found) => decided(found, decision)) &&
        marks.every((mark) => entry.marks.includes(mark));
      if (show !== entry.shown) {
        entry.row.hidden = !show;
        entry.shown = show;
      }
      shown += show;
    }
    const begins_or_ends = searching !== Boolean(query());
    searching = Boolean(query());
    for (const { group, number, entries } of services) {
      const found = entries.filter((entry) => entry.shown).length;
      group.hidden = !found;
      number.textContent = say("units.actions", {}, found);
      // So that what is not drawn yet has about the right height.
      group.style.setProperty("--rows", found);
      if (begins_or_ends) group.open = searching;
    }
    count.textContent = say("script.count", { total }, shown);
    shownText.textContent = describe(rows.filter((entry) => entry.shown));
    const found = terms.length ? plain.filter(({ text }) => terms.every((term) => text.includes(term))) : [];
    answer.replaceChildren(
      ...found.slice(0, MOST).map(({ id, title, answers }) => {
        const link = document.createElement("a");
        link.href = `#${id}`;
        link.textContent = title;
        return paragraph(link, `: ${answers.join(", ")}.`);
      }),
      ...(found.length > MOST ? [paragraph(say("script.more_answers", {}, found.length - MOST))] : []),
      ...sentences(asked, shown).map((sentence) => paragraph(sentence)),
    );
  };

  const paragraph = (...parts) => {
    const made = document.createElement("p");
    made.append(...parts);
    return made;
  };

  const query = () =>
    new URLSearchParams([...new FormData(form)].filter(([, value]) => value)).toString();

  // Scrolls the results to right below the search.
  const toResults = () => {
    const { top } = heading.getBoundingClientRect();
    if (top < form.offsetHeight || top > form.offsetHeight + 24) heading.scrollIntoView();
  };

  // The address is #action, #?filters or #action?filters.
  const write = (action) => {
    const filters = query();
    const hash = action + (filters && `?${filters}`);
    const address = location.href.split("#")[0] + (hash && `#${hash}`);
    // The Back button then returns to where the search began.
    const begins = filters && !location.hash.includes("?");
    history[begins ? "pushState" : "replaceState"](null, "", address);
  };

  const clear = () => {
    form.reset();
    apply();
  };

  const open = (action) => {
    const row = find(action) ?? rows.find((entry) => entry.name === action.toLowerCase())?.row;
    if (!row && /^[\w-]+:\w+$/.test(action)) {
      // There is no row, so the search answers.
      form.reset();
      fields.text.value = action;
      apply();
      toResults();
      return;
    }
    if (!row?.matches("#rows li")) return;
    if (row.hidden) clear();
    row.closest(".service").open = true;
    row.querySelector("details").open = true;
    row.scrollIntoView({ block: "center" });
    current(row);
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
      if (query() && !name) toResults();
    }
    // Unlike decodeURIComponent, this accepts any text.
    open(new URLSearchParams(`name=${name}`).get("name"));
    write(name);
  };

  // The list is one tab stop; the arrow keys move within it.
  let focusable = rows[0]?.row;
  const current = (row) => {
    if (focusable) focusable.tabIndex = -1;
    focusable = row;
    row.tabIndex = 0;
  };
  for (const { row } of rows) {
    row.tabIndex = -1;
    for (const stop of row.querySelectorAll("a, summary")) stop.tabIndex = -1;
  }
  if (focusable) focusable.tabIndex = 0;
  const reachable = ({ row, shown }) => shown && row.closest(".service").open;
  for (const { group, entries } of services) {
    group.addEventListener("toggle", () => {
      const first = entries.find(reachable);
      if (first && !rows.some((entry) => entry.row === focusable && reachable(entry))) current(first.row);
    });
  }
  find("rows").addEventListener("keydown", (event) => {
    if (!event.target.matches("#rows li")) return;
    const shown = rows.filter(reachable).map((entry) => entry.row);
    const index = shown.indexOf(event.target);
    const next = {
      ArrowDown: shown[index + 1],
      ArrowUp: shown[index - 1],
      Home: shown[0],
      End: shown.at(-1),
    }[event.key];
    if (next) {
      event.preventDefault();
      current(next);
      next.focus();
    } else if (event.key === "Enter") {
      const details = event.target.querySelector("details");
      details.open = !details.open;
    }
  });

  const leave = () => {
    // The keyboard cannot reach a hidden row.
    const first = rows.find((entry) => entry.shown)?.row;
    if (first && focusable?.hidden) current(first);
  };

  form.addEventListener("input", () => {
    apply();
    leave();
    write("");
    if (query()) toResults();
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  fields.text.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== "ArrowDown") return;
    event.preventDefault();
    const first = rows.find((entry) => entry.shown)?.row;
    if (first) current(first);
    (first ?? answer).focus();
  });
  find("clear").addEventListener("click", () => {
    clear();
    write("");
    fields.text.focus({ preventScroll: true });
  });
  addEventListener("keydown", (event) => {
    const here = event.target === document.body || form.contains(event.target);
    if (event.key === "Escape" && here && query()) {
      clear();
      write("");
    }
    const plain = !event.ctrlKey && !event.metaKey && !event.altKey;
    if (event.key === "/" && plain && !event.target.matches("input, select, textarea")) {
      event.preventDefault();
      fields.text.focus({ preventScroll: true });
    }
  });
  addEventListener("hashchange", read);

  for (const copy of document.querySelectorAll(".copy")) {
    copy.hidden = false;
    copy.addEventListener("click", async () => {
      const markdown = find("markdown");
      const status = copy.parentElement.querySelector("[role=status]");
      try {
        await navigator.clipboard.writeText(markdown.textContent);
        status.textContent = say("script.copied");
      } catch {
        markdown.closest("details").open = true;
        getSelection().selectAllChildren(markdown);
        status.textContent = say("script.selected");
      }
    });
  }

  const more = find("more");
  more.addEventListener("click", () => {
    find("fields").hidden = !find("fields").hidden;
    more.ariaExpanded = String(!find("fields").hidden);
  });

  form.hidden = false;
  // Keep scroll targets below the bar, which is taller while the filters are open.
  new ResizeObserver(() => {
    document.documentElement.style.setProperty("--bar", `${form.offsetHeight}px`);
  }).observe(form);
  read();
  performance.mark("ready");
}
