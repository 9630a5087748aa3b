import PolicyEngine

/// Any bytes load as a policy or are refused with diagnostics that can be shown, without a trap; what loads, loads
/// the same again.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzPolicyYAML(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
  let file = PolicyLoader.File(
    name: "policy.yaml", bytes: Array(UnsafeBufferPointer(start: data, count: size)))
  let outcome = PolicyLoader.load(files: [file])
  precondition(outcome.snapshot != nil || !outcome.errors.isEmpty)
  for diagnostic in outcome.diagnostics { precondition(!diagnostic.excerpt.isEmpty) }
  if let snapshot = outcome.snapshot {
    precondition(PolicyLoader.load(files: [file]).snapshot?.policy == snapshot.policy)
  }
  return 0
}
