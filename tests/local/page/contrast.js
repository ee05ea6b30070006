// The lowest contrast of elements' texts with what is behind them, by WCAG's formula.
(texts) => {
  const canvas = Object.assign(document.createElement('canvas'), { width: 1, height: 1 }).getContext('2d', { willReadFrequently: true });
  const painted = (...colours) => {
    canvas.clearRect(0, 0, 1, 1);
    for (const colour of colours) {
      canvas.fillStyle = colour;
      canvas.fillRect(0, 0, 1, 1);
    }
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const linear = (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  const light = (rgb) => {
    const [r, g, b] = rgb.map((v) => linear(v / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (e) => {
    const all = [];
    for (let p = e; p; p = p.parentElement) all.unshift(getComputedStyle(p).backgroundColor);
    return all;
  };
  const contrast = (e) => {
    const back = behind(e);
    const [a, b] = [light(painted(...back)), light(painted(...back, getComputedStyle(e).color))];
    return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  };
  const shown = [...document.querySelectorAll(texts)].filter((e) => e.checkVisibility() && e.textContent.trim());
  return shown.map((e) => [contrast(e), `${e.className} ${e.textContent.slice(0, 30)}`]).sort((x, y) => x[0] - y[0])[0];
}
