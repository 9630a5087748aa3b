import ArgumentParser
import Foundation
import PolicyEngine
import PolicyImport
import PolicyTools

/// `tandem import`: a policy made from an export of the reference system's management API.
struct ImportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "import", abstract: "Make a policy from an export of a management API.",
    discussion: """
      Reads rules, services, devices, locations, servers and policy profiles as JSON, writes policy files with a report \
      of everything carried over, changed or left out, and proves them by deciding generated calls both ways. Secrets never \
      stand in the policy: they go into files (--secrets-dir) or are left to the environment. Exit codes: 0 good, 1 errors in \
      the export or the policy, or a call that is decided differently, 2 wrong usage.
      """)

  @Argument(help: "Files of the export, or directories with its *.json files.")
  var sources: [String]

  @Option(name: .shortAndLong, help: "Directory to write the policy into.")
  var output: String

  @Option(help: "Directory to write secrets into, one file each that only its owner may read.")
  var secretsDir: String?

  @Option(help: "Calls to generate for the proof; 0 for none.")
  var prove = 10_000

  @Option(help: "Seed of the generated calls.")
  var seed: UInt64 = 1

  @Flag(help: "Write into a directory that is not empty.")
  var force = false

  @Flag(help: "Stop where a rule cannot be carried over, instead of leaving it out.")
  var strict = false

  func validate() throws {
    guard (0...10_000_000).contains(prove) else {
      throw ValidationError("--prove must be from 0 to 10000000.")
    }
    let names = (try? FileManager.default.contentsOfDirectory(atPath: output)) ?? []
    guard names.isEmpty || force else {
      throw ValidationError("“\(output)” is not empty: name another directory, or say --force.")
    }
  }

  func run() throws {
    let (files, unreadable) = ExportFile.files(of: sources)
    let imported = PolicyImport(
      files, secretsDirectory: secretsDir.map { URL(filePath: $0).standardizedFileURL.path() },
      isStrict: strict)
    let errors = unreadable + imported.diagnostics
    guard errors.isEmpty else {
      let text = errors.map { $0.excerpt + "\n" }.joined(separator: "\n")
      FileHandle.standardError.write(Data("\(text)\nnothing is written: \(errors.count) errors\n".utf8))
      throw ExitCode(1)
    }
    do {
      try imported.write(to: output)
    } catch {
      FileHandle.standardError.write(Data("\(error.description)\n".utf8))
      throw ExitCode(1)
    }
    print(imported.report.text)
    let check = PolicyCheck(directory: output)
    // That secrets are to be set is in the report already.
    for finding in check.outcome.diagnostics where finding.code != "secret-unavailable" {
      print(finding.excerpt + "\n")
    }
    guard let snapshot = check.outcome.snapshot, check.exitCode == 0 else { throw ExitCode(1) }
    guard prove > 0 else { return }
    let proof = ImportProof(imported, by: snapshot, count: prove, seed: seed)
    print(proof.text, terminator: "")
    throw ExitCode(proof.differenceCount == 0 ? 0 : 1)
  }
}
