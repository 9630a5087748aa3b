import ArgumentParser
import Foundation
import PolicyEngine

/// The policy of a directory, or of one file, for a command that asks something of it; or, when it has errors, what they are, and exit code 1.
///
/// - Parameter further: errors of other files that are to be reported with the policy's own.
func loadPolicy(_ directory: String, further: [PolicyDiagnostic] = []) throws -> PolicySnapshot {
  try loadPolicyWithPlaces(directory, further: further).snapshot
}

/// The same, and where everything stands.
func loadPolicyWithPlaces(_ directory: String, further: [PolicyDiagnostic] = []) throws -> (
  snapshot: PolicySnapshot, places: PolicyPlaces?
) {
  let outcome = PolicyLoader.load(path: directory, secrets: .system(areRequired: false))
  let errors = outcome.errors + further
  guard let snapshot = outcome.snapshot, errors.isEmpty else {
    let text = errors.map { $0.excerpt + "\n" }.joined(separator: "\n")
    FileHandle.standardError.write(Data(text.utf8))
    throw ExitCode(1)
  }
  return (snapshot, outcome.places)
}
