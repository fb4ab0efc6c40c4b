import { render } from "preact";
import "../style/base.css";
import "../style/live/stage.css";
import "../style/live/foot.css";
import "../style/live/cards.css";
import "../style/live/panel.css";
import "../style/live/product-card.css";
import "../style/live/orders.css";
import "../style/live/layout.css";
import { useEntry } from "../shared/entry.js";
import { t, useLang } from "../shared/i18n.js";
import { DemoNotice, Switches, TokenForm } from "../shared/parts.js";
import { roomFromPath } from "../shared/session.js";
import { Room } from "./Room.js";

function Page({ roomId }: { roomId: string }) {
  useLang();
  const control = useEntry("viewer", roomId);
  const entry = control.entry;
  if (entry === null) return <p class="empty">{t("loading")}</p>;
  if (entry.kind === "unknown") {
    return (
      <main class="door">
        <Switches />
        <TokenForm control={control} guest />
      </main>
    );
  }
  return (
    <>
      {entry.kind === "demo" && <DemoNotice />}
      <Room key={"token" in entry ? entry.token : "guest"} roomId={roomId} control={control} />
    </>
  );
}

const root = document.getElementById("app");
if (root !== null) render(<Page roomId={roomFromPath(location.pathname)} />, root);
