import { render } from "preact";
import "../style/base.css";
import "../style/live/stage.css";
import "../style/live/foot.css";
import "../style/live/cards.css";
import "../style/order-book.css";
import "../style/console/index.css";
import { useEntry } from "../shared/entry.js";
import { t, useLang } from "../shared/i18n.js";
import { DemoNotice, Switches, TokenForm } from "../shared/parts.js";
import { roomFromPath } from "../shared/session.js";
import { Desk } from "./Desk.js";

function Page({ roomId }: { roomId: string }) {
  useLang();
  const control = useEntry("host", roomId);
  const entry = control.entry;
  if (entry === null) return <p class="empty">{t("loading")}</p>;
  if (!("token" in entry)) {
    return (
      <main class="door">
        <Switches />
        <p class="hint">{t("console.needToken")}</p>
        <TokenForm control={control} guest={false} />
      </main>
    );
  }
  return (
    <>
      {entry.kind === "demo" && <DemoNotice />}
      <Desk key={entry.token} roomId={roomId} token={entry.token} control={control} />
    </>
  );
}

const root = document.getElementById("app");
if (root !== null) render(<Page roomId={roomFromPath(location.pathname)} />, root);
