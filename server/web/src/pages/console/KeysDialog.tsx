/** Which key does what, and the switch that turns them off. */

import { type TextKey, t } from "../shared/i18n.js";
import { Dialog } from "./Dialog.js";

const ROWS: readonly [string, TextKey, boolean][] = [
  ["L", "keys.start", true],
  ["P", "keys.pause", true],
  ["N", "keys.mount", true],
  ["F", "keys.sale", true],
  ["A", "keys.announce", true],
  ["1 – 9", "keys.pin", true],
  ["0", "keys.unpin", true],
  ["/", "keys.chat", false],
  ["?", "keys.help", false],
  ["Esc", "keys.close", false],
];

export function KeysDialog(props: { runs: boolean; off: boolean; onOff: (off: boolean) => void; onClose: () => void }) {
  return (
    <Dialog title={t("keys.title")} kind="box" testId="keys-dialog" onClose={props.onClose}>
      <table class="keys">
        <tbody>
          {ROWS.filter(([, , runs]) => props.runs || !runs).map(([key, label]) => (
            <tr key={key}>
              <th scope="row">
                <kbd class="key">{key}</kbd>
              </th>
              <td>{t(label)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <label class="check">
        <input
          type="checkbox"
          data-testid="keys-on"
          checked={!props.off}
          onChange={(event) => props.onOff(!event.currentTarget.checked)}
        />
        <span>{t("keys.on")}</span>
      </label>
      <p class="soft">{t("keys.note")}</p>
    </Dialog>
  );
}
