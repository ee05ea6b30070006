// The mouse: dragging, zooming with the wheel, and the width of the names.

function drag(node, move, done) {
  node.addEventListener('pointerdown', (e) => {
    node.setPointerCapture(e.pointerId);
    const onMove = (f) => move(f, e);
    node.addEventListener('pointermove', onMove);
    node.addEventListener('pointerup', (f) => {
      node.removeEventListener('pointermove', onMove);
      if (done) done(f, e);
    }, { once: true });
  });
}
function resizeNames(px) {
  $('center').style.setProperty('--tree', clamp(px, 160, Math.max(160, list.clientWidth - 260)) + 'px');
  drawAxis();
  paint(true);
}
drag($('split'), (e) => resizeNames(e.clientX - $('center').getBoundingClientRect().left));

const timeAt = (x) => clamp(x / $('mini').clientWidth, 0, 1) * st.t.end;
drag($('mini'), () => {}, (e, from) => {
  if (Math.abs(e.offsetX - from.offsetX) > 3) zoom([from.offsetX, e.offsetX].sort((a, b) => a - b).map(timeAt));
});
$('mini').addEventListener('dblclick', () => zoom(null));

let asked = 0;
list.addEventListener('scroll', () => {
  asked ||= requestAnimationFrame(() => {
    asked = 0;
    paint();
  });
}, { passive: true });
list.addEventListener('wheel', (e) => {
  const lane = sizer.querySelector('.lane')?.getBoundingClientRect();
  if (!(e.ctrlKey || e.metaKey) || !lane) return;
  e.preventDefault();
  const [a, b] = shownTime();
  const middle = a + clamp((e.clientX - lane.left) / lane.width, 0, 1) * (b - a);
  const factor = e.deltaY > 0 ? 1.25 : 0.8;
  const z = [Math.max(0, middle - (middle - a) * factor), Math.min(st.t.end, middle + (b - middle) * factor)];
  zoom(z[1] - z[0] >= st.t.end * 0.999 ? null : z);
}, { passive: false });
new ResizeObserver(() => {
  if (!st.t) return;
  drawAxis();
  paint(true);
  reveal(); // what is selected stays in sight
}).observe(list);
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => st.t && drawAxis());
