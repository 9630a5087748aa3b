import Foundation
import Testing

extension EndToEnd {
  /// The document that leads an admin through a change, and the program it tells of.
  @Suite(.tags(.scripted)) struct AdminsDayTests {
    @Test(.timeLimit(.minutes(2))) func everyOutputInTheDocumentIsWhatTheCommandPrints() async throws {
      let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path
      let (code, output) = try await run(
        "\(root)/scripts/write-admins-day", [TandemServer.binary, "--check"], directory: root,
        within: .seconds(100))
      #expect(code == 0, "run `make docs`:\n\(output)")
    }
  }
}
