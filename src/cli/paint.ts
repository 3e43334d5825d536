import { styleText } from 'node:util';

type Style = Parameters<typeof styleText>[0];

/** Text in a colour, or as it is. */
export type Paint = (style: Style, text: string) => string;

/** `color` as `Output` has it: the caller has looked at terminals and NO_COLOR. */
export function painter(color: boolean): Paint {
  return (style, text) => (color && text !== '' ? styleText(style, text, { validateStream: false }) : text);
}
