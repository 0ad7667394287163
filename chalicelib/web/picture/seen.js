// What part of a picture a network sees, in words, by the `resize` of its preprocessing.
export const PARTS = {
  crop: "the middle, cropped",
  squash: "the whole, squashed",
  letterbox: "the whole, with bars",
};
