// Where the data comes from: the one place to change for a page that a server feeds.
//
// Each span has its place (`parent` is an index, parents stand before children), and what Python knows of it:
//   rank    of an error: 'origin', 'passed' on from below, or 'handled' by the caller
//   beside  how many siblings ran at the same time, this one among them
//   path    the stretches of the critical path that are its own: [[from, to]], in µs as `start`
//   before  the model call before in the same conversation: its index, or [trace id, span id] in an earlier run
// Events are {name, time: µs from the span's start, attrs}.

const readData = () => JSON.parse($('data').textContent);
