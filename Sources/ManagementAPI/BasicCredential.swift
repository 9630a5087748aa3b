import CallModel
import Foundation

/// Who may use the management interface (RFC 7617).
public struct BasicCredential: Sendable {
  private let expected: [UInt8]

  public init(username: String, password: Secret) {
    expected = Array("\(username):\(password.reveal())".utf8)
  }

  /// Whether the value of an `Authorization` header proves it. Takes the same time whatever is wrong with it.
  public func accepts(_ authorization: String?) -> Bool {
    guard let authorization, authorization.utf8.count <= 1_024 else { return false }
    let parts = authorization.split(separator: " ", maxSplits: 1)
    guard parts.count == 2, parts[0].lowercased() == "basic",
      let given = Data(base64Encoded: parts[1].trimmingCharacters(in: .whitespaces))
    else { return false }
    var difference = UInt8(given.count == expected.count ? 0 : 1)
    for (index, byte) in given.enumerated() {
      difference |= byte ^ (expected.isEmpty ? 0 : expected[index % expected.count])
    }
    return difference == 0
  }
}
