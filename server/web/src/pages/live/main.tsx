import { render } from "preact";
import "../style/base.css";
import "../style/live.css";
import "../style/orders.css";
import { useEntry } from "../shared/entry.js";
import { t, useLang } from "../shared/i18n.js";
import { DemoNotice, LanguageSwitch, TokenForm } from "../shared/parts.js";
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
        <LanguageSwitch />
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
