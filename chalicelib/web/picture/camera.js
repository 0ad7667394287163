// The camera: its picture in a dialog, until one is taken or the dialog closes, which ends the stream.
import { Problem } from "../shared/api.js";
import { part } from "../shared/dom.js";
import { drawn } from "./recode.js";

const [dialog, view] = [part("camera"), part("camera-view")];
const LONGEST = 2048; // px

const REASONS = {
  NotAllowedError: "Your browser does not let this page use the camera. Allow it in the address bar, then try again.",
  NotFoundError: "The camera is no longer connected.",
  NotReadableError: "Another program uses the camera. Close that program, then try again.",
};

// onTaken(file): a picture was taken. Raises a Problem where there is none to be had.
export async function openCamera(onTaken) {
  const stream = await stop(navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } }));
  const end = () => stream.getTracks().forEach((track) => track.stop());
  view.srcObject = stream;
  dialog.showModal();
  dialog.addEventListener("close", () => {
    end();
    view.srcObject = null;
  }, { once: true });
  addEventListener("pagehide", end, { once: true });
  part("camera-close").onclick = () => dialog.close(); // also before there is a picture
  await view.play().catch(() => {}); // it was closed at once
  part("camera-take").onclick = () => {
    const { blob } = drawn(view, view.videoWidth, view.videoHeight, LONGEST, 0.92);
    dialog.close();
    onTaken(new File([blob], "camera.jpg", { type: blob.type }));
  };
}

async function stop(asking) {
  try {
    return await asking;
  } catch (error) {
    throw new Problem(REASONS[error.name] ?? "The camera gives no picture. Choose a file instead.", { title: "No camera.", canRetry: true });
  }
}
