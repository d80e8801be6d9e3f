/** What each classifier answers, side by side: a table of classes and classifiers, and one sentence about it. */

import { latest } from "./client.js";
import { contestantStyle } from "./colours.js";
import { element, setShown } from "./dom.js";
import { paintImage, picture } from "./picture.js";
import { listing, percent, word } from "./words.js";

const MOST_ROWS = 10;

/** The answers: `node` for the page, `strip` for small windows, `about(image, label, title)` to ask about another image. */
export class Answers {
  constructor(book) {
    this.book = book;
    this.asked = { image: null, label: null, title: "" };
    this.title = element("p", { class: "caption" });
    this.sentence = element("p", { class: "verdict" });
    this.table = element("table", { class: "answers" });
    this.table.style.setProperty("--columns", String(book.contestants.length));
    const about = { class: "scroll", role: "group", tabindex: 0, "aria-label": word("answers.caption") };
    const scroll = element("div", about, this.table);
    this.thumb = picture("", "thumb");
    this.short = element("p", {});
    this.strip = element("div", { class: "strip", "aria-hidden": "true" }, this.thumb, this.short);
    this.node = element(
      "section",
      { id: "answers", "aria-labelledby": "answers-heading" },
      element("h2", { id: "answers-heading" }, word("answers.heading")),
      this.title,
      this.sentence,
      scroll,
      element("p", { class: "note" }, word("answers.note")),
    );
    this.refresh = latest(() => this.ask());
    book.subject.watch(() => this.follow(null));
    book.state.watch(["tab", "dream"], () => this.follow(null));
    book.state.watch(["defence"], () => this.refresh());
  }

  /** Ask about this image, whose true class may be known. */
  about(image, label, title = "") {
    this.asked = { image, label, title };
    return this.refresh();
  }

  /** Ask about a dream, or with null about the image again. */
  follow(dream) {
    if (dream) this.about(dream, null, word("answers.dream"));
    else this.about(this.book.subject.shown, this.book.subject.label);
  }

  async ask() {
    const { image, label, title } = this.asked;
    if (!image) return;
    const { book } = this;
    const answers = await book.answersTo(image, book.state.values.defence);
    paintImage(this.thumb, image, book.height, book.width);
    this.title.textContent = title || (book.state.values.defence > 0 ? word("answers.defence") : "");
    setShown(this.title, this.title.textContent !== "");
    this.sentence.textContent = verdict(book, answers, label);
    this.short.textContent = this.sentence.textContent;
    this.table.replaceChildren(...rows(book, answers, label));
    if (!title) book.say(this.sentence.textContent);
  }
}

/** The class with the highest probability. */
export function winner(probabilities) {
  return probabilities.indexOf(Math.max(...probabilities));
}

/** "All 5 say Pullover, which is right." or "3 of 5 say Pullover; fine-tuned and feed-forward say Coat." */
function verdict(book, answers, label) {
  const says = answers.map(winner);
  const count = new Map();
  for (const one of says) count.set(one, (count.get(one) ?? 0) + 1);
  const most = [...count.keys()].sort((one, other) => count.get(other) - count.get(one))[0];
  const values = { count: count.get(most), all: says.length, name: book.className(most) };
  const others = [...count.keys()]
    .filter((one) => one !== most)
    .map((one) => {
      const who = book.contestants.filter((_, index) => says[index] === one).map(({ title }) => title);
      return word(who.length > 1 ? "answers.several" : "answers.one", { who: listing(who), name: book.className(one) });
    });
  const start = says.length === 1 ? "answers.single" : others.length ? "answers.most" : "answers.all";
  let text = word(start, values);
  if (others.length) text = word("answers.others", { start: text, others: others.join(", ") });
  const truth = label === null ? "answers.open" : !others.length && most === label ? "answers.right" : "answers.truth";
  return word(truth, { text, name: label === null ? "" : book.className(label) });
}

/** The classes to show: all if they are few, else those with the highest probabilities, and always the true one. */
function shownClasses(book, answers, label) {
  const all = book.classes.map((_, index) => index);
  if (all.length <= MOST_ROWS) return all;
  const best = (index) => (index === label ? 2 : Math.max(...answers.map((answer) => answer[index])));
  return all
    .sort((one, other) => best(other) - best(one))
    .slice(0, MOST_ROWS)
    .sort((one, other) => one - other);
}

function rows(book, answers, label) {
  const head = book.contestants.map(({ name, title }, index) =>
    element("th", { scope: "col", class: contestantStyle(name, index) }, element("span", { class: "dot" }), title),
  );
  const first = element("td", {});
  const body = shownClasses(book, answers, label).map((index) => classRow(book, answers, index, label));
  const about = element("caption", { class: "unseen" }, word("answers.caption"));
  return [about, element("thead", {}, element("tr", {}, first, ...head)), element("tbody", {}, ...body)];
}

function classRow(book, answers, index, label) {
  const mark = index === label ? element("span", { class: "true" }, word("answers.true")) : null;
  const cells = answers.map((answer, which) => {
    const style = winner(answer) !== index ? "" : label === null || index === label ? "best" : "best wrong";
    const bar = element("span", { class: "bar" });
    bar.style.setProperty("--share", `${100 * answer[index]}%`);
    const about = { class: `${style} ${contestantStyle(book.contestants[which].name, which)}` };
    return element("td", about, bar, element("span", { class: "share" }, percent(answer[index])));
  });
  const style = index === label ? "true-row" : "";
  return element("tr", { class: style }, element("th", { scope: "row" }, book.className(index), mark), ...cells);
}
