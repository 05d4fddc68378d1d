// What every page does in the browser itself: light or dark, ages of times, the side bar of a phone, copying, keys.
(() => {
  const root = document.documentElement;
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  const chosen = () => (document.cookie.match(/(?:^|; )airgate-look=(dark|light)/) || [])[1];
  const isDark = () => (chosen() ? chosen() === "dark" : system.matches);
  const applyLook = () => {
    root.classList.toggle("dark", isDark());
    const parts = window.Quasar?.Dark;  // there once the page's own scripts have run
    if (parts && document.body.classList.contains(isDark() ? "body--light" : "body--dark")) parts.set(isDark());
  };
  applyLook();  // before the first paint
  system.addEventListener("change", applyLook);

  const steps = [[86400, "d"], [3600, "h"], [60, "min"]];
  const age = (seconds) => {
    const ahead = seconds < 0;
    const found = steps.find(([size]) => Math.abs(seconds) >= size);
    const round = ahead ? Math.round : Math.floor;
    const text = found ? `${round(Math.abs(seconds) / found[0])} ${found[1]}` : ahead ? "a moment" : "just now";
    return ahead ? `in ${text}` : text;
  };
  const applyAges = () => {
    for (const one of document.querySelectorAll("time[datetime]")) {
      const at = new Date(one.dateTime);
      const text = age((Date.now() - at) / 1000);
      if (one.textContent !== text) one.textContent = text;
      if (!one.title) one.title = at.toLocaleString();
    }
  };
  setInterval(applyAges, 1000);
  new MutationObserver(() => { applyAges(); applyLook(); }).observe(root, { childList: true, subtree: true });

  const applySide = (open) => {
    root.classList.toggle("side-open", open);
    document.getElementById("side-button")?.setAttribute("aria-expanded", String(open));
    if (open) document.querySelector(".side a")?.focus();
  };
  const copy = async (button) => {
    const text = button.closest(".code").querySelector("pre").textContent;
    try {
      await navigator.clipboard.writeText(text);
    } catch {  // plain HTTP on another host: browsers then offer the old way only
      const box = Object.assign(document.createElement("textarea"), { value: text });
      document.body.append(box);
      box.select();
      document.execCommand("copy");
      box.remove();
    }
    button.setAttribute("aria-label", "Copied");
    button.querySelector("i").textContent = "check";
    setTimeout(() => {
      button.setAttribute("aria-label", "Copy");
      button.querySelector("i").textContent = "content_copy";
    }, 1500);
  };
  const deeds = {
    look: () => {
      document.cookie = `airgate-look=${isDark() ? "light" : "dark"}; path=/; max-age=31536000; samesite=strict`;
      applyLook();
    },
    side: () => applySide(!root.classList.contains("side-open")),
    copy,
  };
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-deed]");
    if (button) deeds[button.dataset.deed]?.(button);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") applySide(false);
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
      event.preventDefault();
      document.getElementById("jump")?.click();
    }
  });
  window.addEventListener("load", () => {
    const lost = document.getElementById("popup");
    if (!lost) return;
    lost.setAttribute("role", "status");
    lost.children[0].textContent = "The appliance does not answer.";
    lost.children[1].textContent = "This page comes back by itself.";
  });
})();
