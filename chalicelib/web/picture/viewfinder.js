// The button for the camera, which is there where a camera is; its code comes with the first use.
import { part } from "../shared/dom.js";

// onTaken(file); onFailed(error, again).
export function offerCamera({ onTaken, onFailed }) {
  let looks = 0; // an earlier look may end later

  // the browser asks for leave when the camera is opened, not before
  async function look() {
    const own = (looks += 1);
    const devices = await navigator.mediaDevices?.enumerateDevices().catch(() => []);
    if (own === looks) part("camera-open").hidden = !devices?.some(({ kind }) => kind === "videoinput");
  }

  async function use() {
    part("camera-open").disabled = true;
    try {
      const { openCamera } = await import("./camera.js");
      await openCamera(onTaken);
    } catch (error) {
      onFailed(error, use);
    } finally {
      part("camera-open").disabled = false;
    }
  }

  part("camera-open").addEventListener("click", use);
  navigator.mediaDevices?.addEventListener?.("devicechange", look);
  look();
}
