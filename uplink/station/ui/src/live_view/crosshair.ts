// Points of a picture that is shown as large as fits. Pure.

export interface Rect {
  left: number;
  top: number;
  width: number;
  height: number;
}

export interface Point {
  x: number;
  y: number;
}

/** Where a picture lies in a room, whole, in its middle. */
export function fitted(room: { width: number; height: number }, picture: { width: number; height: number }): Rect {
  const scale = Math.min(room.width / picture.width, room.height / picture.height);
  const width = Math.max(0, picture.width * scale);
  const height = Math.max(0, picture.height * scale);
  return { left: (room.width - width) / 2, top: (room.height - height) / 2, width, height };
}

/** A place in the room as shares of the picture; null beside it. */
export function shareOf(at: { left: number; top: number }, picture: Rect): Point | null {
  const x = (at.left - picture.left) / picture.width;
  const y = (at.top - picture.top) / picture.height;
  return x >= 0 && x <= 1 && y >= 0 && y <= 1 ? { x, y } : null;
}

const STEP_PX = 16;
const FINE_PX = 2;
const ARROWS: Record<string, readonly [number, number]> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

/** The crosshair after a key, in steps of so many pixels of the screen; null for a key that does not move it. */
export function moved(from: Point | null, key: string, fine: boolean, picture: Rect): Point | null {
  const arrow = ARROWS[key];
  if (!arrow) return null;
  if (from === null) return { x: 0.5, y: 0.5 }; // the first press shows it
  const step = fine ? FINE_PX : STEP_PX;
  return {
    x: within(from.x + (arrow[0] * step) / Math.max(1, picture.width)),
    y: within(from.y + (arrow[1] * step) / Math.max(1, picture.height)),
  };
}

function within(share: number): number {
  return Math.min(1, Math.max(0, share));
}

/** 1σ of a pointed place as a share of the picture's width: a thumb is no mouse. */
export function sigmaOf(pointer: string, picture: Rect): number {
  const px = pointer === "touch" ? 8 : 1.5;
  return Math.min(0.2, Math.max(1e-4, px / Math.max(1, picture.width)));
}

/** The smallest box around a point: what somebody pointed at. */
export function boxAt<B extends { box: [number, number, number, number] }>(boxes: readonly B[], at: Point): B | null {
  const around = boxes.filter(({ box: [l, t, r, b] }) => at.x >= l && at.x <= r && at.y >= t && at.y <= b);
  const size = ({ box: [l, t, r, b] }: B): number => (r - l) * (b - t);
  return around.sort((a, b) => size(a) - size(b))[0] ?? null;
}
