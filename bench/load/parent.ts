/** Ends this process when the bench that started it is gone: our standard input is its pipe. */
export function endWithParent(): void {
  process.stdin.on('end', () => process.exit(0)).resume();
}
