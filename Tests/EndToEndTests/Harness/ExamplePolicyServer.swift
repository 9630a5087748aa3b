import Foundation
import Testing

/// The policy server of `examples/`, as its own process, with a directory of the test's.
struct ExamplePolicyServer {
  let process: ChildProcess
  let port: Int

  /// - Parameter directory: what it knows, in JSON.
  init(_ scratch: Scratch, _ directory: String, port: Int = 0) async throws {
    let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
      .appending(path: "examples/policy-server/policy_server.py").path
    try scratch.write("directory.json", directory)
    process = try ChildProcess(
      "policy server", "/usr/bin/env",
      ["python3", "-B", script, "--port", "\(port)", "--directory", "\(scratch.path)/directory.json"],
      directory: scratch.path, environment: ["POLICY_SERVER_PASSWORD": "s3cret"])
    let line = try await process.waitForLine(containing: "listening on", within: .seconds(20))
    self.port = try #require(Int(line.split(separator: ":").last ?? ""))
  }

  /// A profile that asks it.
  func profile(_ hooks: String, settings: [String] = []) -> String {
    """
    policy_profiles:
      - name: example
        url: http://127.0.0.1:\(port)
        username: tandem
        password: { env: TANDEM_TEST_UNSET, default: s3cret }
        hooks: \(hooks)
    \(settings.map { "    \($0)" }.joined(separator: "\n"))
    """
  }

  /// How often it has been asked something.
  func count(_ path: String) -> Int { process.lines.all.filter { $0.contains(path) }.count }
}
