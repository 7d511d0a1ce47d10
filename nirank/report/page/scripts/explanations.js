/* A card with an explanation, at whatever is pointed at or has the focus. Escape takes it away. */
const card = make("div", { class: "card", role: "tooltip", id: "card", hidden: true });
let explained = null;
let waiting = 0;

function showCard(target, paragraphs) {
  clearTimeout(waiting);
  explained = target;
  card.replaceChildren(...paragraphs.map((parts) => make("p", {}, ...parts)));
  card.hidden = false;
  (target.closest("dialog") ?? document.body).append(card);
  target.setAttribute("aria-describedby", "card");
  const place = target.getBoundingClientRect();
  const width = card.offsetWidth;
  const left = Math.max(8, Math.min(place.left, document.documentElement.clientWidth - width - 8));
  const below = place.bottom + 8 + card.offsetHeight < innerHeight;
  card.style.left = `${left + scrollX}px`;
  card.style.top = `${(below ? place.bottom + 6 : place.top - card.offsetHeight - 6) + scrollY}px`;
}

function hideCard() {
  clearTimeout(waiting);
  explained?.removeAttribute("aria-describedby");
  explained = null;
  card.hidden = true;
}

function hideCardSoon() {
  clearTimeout(waiting);
  waiting = setTimeout(hideCard, 180); // time to move onto the card
}

/* `describe` gives paragraphs, each a list of texts and elements; none: there is nothing to say. */
function explain(target, describe, area = target) {
  const show = () => {
    const paragraphs = describe();
    if (paragraphs.length) showCard(target, paragraphs);
  };
  area.addEventListener("pointerenter", (event) => {
    if (event.pointerType !== "mouse") return;
    clearTimeout(waiting);
    waiting = setTimeout(show, card.hidden ? 250 : 0); // nobody who only passes by wants it
  });
  area.addEventListener("pointerleave", hideCardSoon);
  target.addEventListener("focus", () => target.matches(":focus-visible") && show());
  target.addEventListener("blur", hideCard);
}

function startExplanations() {
  card.addEventListener("pointerenter", () => clearTimeout(waiting));
  card.addEventListener("pointerleave", hideCardSoon);
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || card.hidden) return;
    hideCard();
    event.preventDefault(); // one press, one thing: a query behind the card stays open
  });
}
