extension SIPMessage {
  /// The message as it goes on the wire.
  public func serialised() -> [UInt8] {
    var bytes: [UInt8] = []
    append(to: &bytes)
    return bytes
  }

  /// Writes the message. Content-Length is that of the body, whatever the header fields say; line ends inside
  /// a value, which would start a field of their own, become spaces.
  public func append(to bytes: inout [UInt8]) {
    switch self {
    case .request(let request): request.append(to: &bytes)
    case .response(let response): response.append(to: &bytes)
    }
  }

  public var body: [UInt8] {
    switch self {
    case .request(let request): request.body
    case .response(let response): response.body
    }
  }
}

extension SIPRequest {
  /// The request as it goes on the wire; see ``SIPMessage/append(to:)``.
  public func serialised() -> [UInt8] {
    var bytes: [UInt8] = []
    append(to: &bytes)
    return bytes
  }

  public func append(to bytes: inout [UInt8]) {
    bytes.reserveCapacity(bytes.count + headers.sizeEstimate + 160 + body.count)
    bytes.append(method.rawValue)
    bytes.append(.space)
    uri.append(to: &bytes)
    bytes.append(" SIP/2.0\r\n" as StaticString)
    headers.append(to: &bytes, body: body)
  }
}

extension SIPResponse {
  /// The response as it goes on the wire; see ``SIPMessage/append(to:)``.
  public func serialised() -> [UInt8] {
    var bytes: [UInt8] = []
    append(to: &bytes)
    return bytes
  }

  public func append(to bytes: inout [UInt8]) {
    bytes.reserveCapacity(bytes.count + headers.sizeEstimate + 96 + body.count)
    bytes.append("SIP/2.0 " as StaticString)
    bytes.append(decimal: status)
    bytes.append(.space)
    bytes.append(line: reason)
    bytes.append("\r\n" as StaticString)
    headers.append(to: &bytes, body: body)
  }
}

extension SIPHeaders {
  fileprivate var sizeEstimate: Int {
    var size = 64
    for field in fields { size += field.value.utf8.count + 24 }
    return size
  }

  /// Writes the fields, Content-Length, the empty line and the body.
  fileprivate func append(to bytes: inout [UInt8], body: [UInt8]) {
    let names = HeaderNameTable.shared.spellings
    for field in fields where field.name != .contentLength {
      let name = field.name
      bytes.append(name.index == 0 ? name.spelling : names[Int(name.index)])
      bytes.append(": " as StaticString)
      bytes.append(line: field.value)
      bytes.append("\r\n" as StaticString)
    }
    bytes.append("Content-Length: " as StaticString)
    bytes.append(decimal: body.count)
    bytes.append("\r\n\r\n" as StaticString)
    bytes.append(contentsOf: body)
  }
}

extension [UInt8] {
  /// Text that must stay on its line.
  mutating func append(line text: String) {
    var text = text
    text.withUTF8 { line in
      let start = count
      append(contentsOf: line)
      let bytes = UnsafeRawBufferPointer(line)
      let range = 0..<line.count
      guard
        bytes.firstIndex(of: .lineFeed, in: range) != nil
          || bytes.firstIndex(of: .carriageReturn, in: range) != nil
      else { return }
      for i in start..<count where self[i] == .carriageReturn || self[i] == .lineFeed { self[i] = .space }
    }
  }
}
