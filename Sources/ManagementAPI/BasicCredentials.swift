import CallModel
import Foundation

/// What stands in `Authorization: Basic` (RFC 7617).
struct BasicCredentials {
  var user: String
  var password: Secret

  /// nil: another scheme, or not what RFC 7617 says.
  init?(_ header: String) {
    let parts = header.split(separator: " ", maxSplits: 1)
    guard parts.count == 2, parts[0].lowercased() == "basic", parts[1].utf8.count <= 4_096,
      let bytes = Data(base64Encoded: String(parts[1])), let text = String(validating: bytes, as: UTF8.self),
      let colon = text.firstIndex(of: ":")
    else { return nil }
    user = String(text[..<colon])
    password = Secret(String(text[text.index(after: colon)...]))
  }
}
