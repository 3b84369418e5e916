// Boxes over a picture, in its own pixels. Pure.

export type Box = [left: number, top: number, right: number, bottom: number];

export interface Size {
  readonly width: number;
  readonly height: number;
}

const LEAST_PX = 4;
const STEP = 0.01; // of the picture, for a press of a key

/** Between two corners, whichever they are; null where it is only a click. */
export function boxBetween(a: readonly [number, number], b: readonly [number, number], size: Size): Box | null {
  const x = [a[0], b[0]].map((value) => Math.min(Math.max(value, 0), size.width));
  const y = [a[1], b[1]].map((value) => Math.min(Math.max(value, 0), size.height));
  const box: Box = [Math.min(...x), Math.min(...y), Math.max(...x), Math.max(...y)];
  return box[2] - box[0] < LEAST_PX || box[3] - box[1] < LEAST_PX ? null : box;
}

export function boxInTheMiddle({ width, height }: Size): Box {
  return [width * 0.4, height * 0.4, width * 0.6, height * 0.6];
}

/** Moved, or with `grow` made larger or smaller, by a key; null for a key that does neither. */
export function steered(box: Box, key: string, grow: boolean, { width, height }: Size): Box | null {
  const by: Record<string, readonly [number, number]> = {
    ArrowLeft: [-STEP * width, 0],
    ArrowRight: [STEP * width, 0],
    ArrowUp: [0, -STEP * height],
    ArrowDown: [0, STEP * height],
  };
  const step = by[key];
  if (!step) return null;
  const [left, top, right, bottom] = box;
  if (grow) {
    return [
      left,
      top,
      Math.min(Math.max(right + step[0], left + LEAST_PX), width),
      Math.min(Math.max(bottom + step[1], top + LEAST_PX), height),
    ];
  }
  const x = Math.min(Math.max(step[0], -left), width - right);
  const y = Math.min(Math.max(step[1], -top), height - bottom);
  return [left + x, top + y, right + x, bottom + y];
}
