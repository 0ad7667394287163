// What Swagger UI lacks for those who hear the page or use it by keyboard, and what of it says nothing here.
export const amends = ({ React: { createElement: element, Fragment } }) => ({
  wrapComponents: {
    DeepLink: () => ({ text }) => text, // a link within a button cannot be reached
    InfoContainer: (Original) => (props) => element("section", { "aria-label": "About" }, element(Original, props)),
    ServersContainer: () => () => null, // the only server is this one
    TextArea: (Original) => (props) => element(Original, { "aria-label": "Body", ...props }),
    operations: (Original) => (props) =>
      element(Fragment, null, element("h2", { className: "unseen" }, "Operations"), element(Original, props)),
  },
});
