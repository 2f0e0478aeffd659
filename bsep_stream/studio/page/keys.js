/* Keys of a piano by name. */

import { noteText } from "/page/shared.js";

export const NOTE_HEIGHT_KEYS = 0.86;

export function keyName(key) {
  return noteText(440 * 2 ** ((Math.round(key) - 69) / 12));
}
