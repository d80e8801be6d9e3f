/** Parts of the page compute only while they are on the screen. */

/** Run `refresh` whenever this part is on the screen and something that it shows has changed. */
export function whileShown(book, part, names, refresh) {
  const { state, subject } = book;
  const visible = () => state.values.tab === "understand" && state.values.part === part;
  const run = () => {
    if (visible()) refresh();
  };
  state.watch(["tab", "part", ...names], run);
  subject.watch(run);
}
