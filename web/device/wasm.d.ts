/** The build turns a `.wasm` file into its address. */
declare module "*.wasm" {
  const address: string
  export default address
}
declare module "*.css"
