/** Files that are imported as they are: their text, or where they lie, also within the single executable. */
declare module '*.css' {
  const content: string;
  export default content;
}

declare module '*.browser.js' {
  const text: string;
  export default text;
}

declare module 'swagger-ui-dist/swagger-ui-bundle.js' {
  const path: string;
  export default path;
}
