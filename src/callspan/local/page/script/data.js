// Where the data comes from: the one place to change for a page that a server feeds.

const readData = () => JSON.parse($('data').textContent);
