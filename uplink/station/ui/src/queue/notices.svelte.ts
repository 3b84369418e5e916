// Notices of the browser, for when the page is not in front.

export type Permission = "none" | "insecure" | "default" | "granted" | "denied";

class Notices {
  permission = $state<Permission>(permissionNow());

  async ask(): Promise<void> {
    if (this.permission === "default") await Notification.requestPermission();
    this.permission = permissionNow();
  }

  /** Nothing where nobody allowed it, or where the page is in front. */
  tell(title: string, id: string, press: () => void): void {
    if (this.permission !== "granted" || (document.visibilityState === "visible" && document.hasFocus())) return;
    try {
      const notice = new Notification(title, { tag: id, icon: "./icon.svg", requireInteraction: true });
      notice.onclick = () => {
        window.focus();
        press();
        notice.close();
      };
    } catch {
      // a phone shows them only from a worker
    }
  }
}

function permissionNow(): Permission {
  if (!window.isSecureContext) return "insecure";
  return "Notification" in window ? Notification.permission : "none";
}

export const notices = new Notices();
