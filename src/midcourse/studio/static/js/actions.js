// @ts-check
/**
 * Every action that has a key: what it does, where, and its keys, which a person may change.
 *
 * A key is written as `Ctrl+Shift+z`, `Enter`, `?`, `N` (a letter with Shift is its capital); several are separated by
 * spaces. Ctrl is Command on a Mac. Keys of different places may be the same; `everywhere` is always there. Where `typing`
 * is set, the key also works in a text field.
 */

/** @typedef {"everywhere" | "answer" | "correction" | "table"} Place */
/** @typedef {{id: string, does: string, keys: string, place: Place, typing?: boolean}} Action */

/** @type {{place: Place, title: string}[]} */
export const PLACES = [
  { place: "answer", title: "In the answer" },
  { place: "correction", title: "In the correction line" },
  { place: "table", title: "In a table" },
  { place: "everywhere", title: "Everywhere" },
];

/** @type {Action[]} */
export const ACTIONS = [
  { id: "stop", does: "Stop the model, or close", keys: "Escape", place: "answer", typing: true },
  { id: "left", does: "Previous token", keys: "ArrowLeft", place: "answer" },
  { id: "right", does: "Next token", keys: "ArrowRight", place: "answer" },
  { id: "up", does: "Line above", keys: "ArrowUp", place: "answer" },
  { id: "down", does: "Line below", keys: "ArrowDown", place: "answer" },
  { id: "first", does: "First token", keys: "Home", place: "answer" },
  { id: "last", does: "End of the answer", keys: "End", place: "answer" },
  { id: "correct", does: "Correct from here; at the end: let the model go on", keys: "Enter", place: "answer" },
  { id: "insert", does: "Type here, at the end too", keys: "i", place: "answer" },
  { id: "narrow-more", does: "Select a token more; in the line: reject it, too", keys: "Shift+ArrowRight", place: "answer" },
  { id: "narrow-less", does: "Select a token less; in the line: let it stand", keys: "Shift+ArrowLeft", place: "answer" },
  { id: "narrow-down", does: "The same, by a line", keys: "Shift+ArrowDown", place: "answer" },
  { id: "narrow-up", does: "The same back, by a line", keys: "Shift+ArrowUp", place: "answer" },
  { id: "unlikely", does: "Next token to look at: where the model was not sure, or an attribute gets worse", keys: "n", place: "answer" },
  { id: "unlikely-before", does: "Back to the token that was looked at before", keys: "N", place: "answer" },
  { id: "end", does: "Should have ended here", keys: "e", place: "answer" },
  { id: "mark", does: "Mark only: off track, no correction", keys: "m", place: "answer" },
  { id: "regenerate", does: "Write again from here", keys: "g", place: "answer" },
  { id: "dials", does: "Other dials", keys: "d", place: "answer" },
  { id: "undo", does: "Undo", keys: "u Ctrl+z", place: "answer" },
  { id: "redo", does: "Redo", keys: "y Ctrl+Shift+z", place: "answer" },
  { id: "sibling-before", does: "Previous way on", keys: "[", place: "answer" },
  { id: "sibling-next", does: "Next way on", keys: "]", place: "answer" },
  { id: "reason", does: "Give the reason", keys: "r", place: "answer" },
  { id: "tags", does: "Tag", keys: "t", place: "answer" },
  { id: "serves", does: "Say which attribute it serves", keys: "s", place: "answer" },
  { id: "keep", does: "Keep as steer", keys: "Enter", place: "correction", typing: true },
  { id: "only-go-on", does: "Only go on: nothing is trained", keys: "Shift+Enter", place: "correction", typing: true },
  { id: "line-end", does: "Should have ended here", keys: "Alt+e", place: "correction", typing: true },
  { id: "line-mark", does: "Mark only: off track, no correction", keys: "Alt+m", place: "correction", typing: true },
  { id: "line-reason", does: "Give the reason", keys: "Alt+r", place: "correction", typing: true },
  { id: "line-tags", does: "Tag", keys: "Alt+t", place: "correction", typing: true },
  { id: "line-serves", does: "Say which attribute it serves", keys: "Alt+s", place: "correction", typing: true },
  { id: "row-up", does: "Row above", keys: "k ArrowUp", place: "table" },
  { id: "row-down", does: "Row below", keys: "j ArrowDown", place: "table" },
  { id: "open", does: "Open", keys: "Enter", place: "table" },
  { id: "row-reason", does: "Edit the reason", keys: "r", place: "table" },
  { id: "row-tags", does: "Edit the tags", keys: "t", place: "table" },
  { id: "row-serves", does: "Edit which attributes it serves", keys: "s", place: "table" },
  { id: "row-weight", does: "Edit the weight", keys: "w", place: "table" },
  { id: "aside", does: "Set aside, or take back in", keys: "x", place: "table" },
  { id: "row-select", does: "Choose, to change several together", keys: "Space", place: "table" },
  { id: "new", does: "New conversation", keys: "c", place: "everywhere" },
  { id: "search", does: "Search conversations", keys: "/", place: "everywhere" },
  { id: "list", does: "Show or hide the conversations", keys: "\\", place: "everywhere" },
  { id: "help", does: "Show all keys", keys: "?", place: "everywhere" },
  { id: "preferences", does: "Preferences", keys: ",", place: "everywhere" },
  { id: "view-steer", does: "Go to Steer", keys: "Alt+1", place: "everywhere", typing: true },
  { id: "view-review", does: "Go to Review", keys: "Alt+2", place: "everywhere", typing: true },
  { id: "view-train", does: "Go to Train", keys: "Alt+3", place: "everywhere", typing: true },
  { id: "view-compare", does: "Go to Compare", keys: "Alt+4", place: "everywhere", typing: true },
  { id: "view-data", does: "Go to Data", keys: "Alt+5", place: "everywhere", typing: true },
];

for (let digit = 1; digit <= 10; digit++) {
  const at = ACTIONS.findIndex(({ id }) => id === "only-go-on");
  const does = `Take alternative ${digit}, while nothing is typed`;
  ACTIONS.splice(at + digit, 0, { id: `pick-${digit}`, does, keys: String(digit % 10), place: "correction", typing: true });
}
