/// The header section of one message while it is read: the fields, and what was learnt about those that are
/// checked.
struct HeaderSection {
  let isRequest: Bool
  let limits: SIPLimits
  var fields: [SIPHeaders.Field] = []
  var contentLength: Int?
  private var cSeqMethod: String?
  private var seen = HeaderNameSet()
  private var viaCount = 0

  init(isRequest: Bool, limits: SIPLimits) {
    self.isRequest = isRequest
    self.limits = limits
    fields.reserveCapacity(20)
  }

  /// Reads all lines from `start` to the empty one and returns where the body begins.
  mutating func read(_ bytes: Bytes, _ start: Int) throws(SIPSyntaxError) -> Int {
    let end = bytes.count
    var position = start
    while true {
      guard position < end else { throw SIPSyntaxError(.incompleteHeaderSection, offset: end) }
      if bytes[position] == .lineFeed {
        position += 1
        break
      }
      if bytes[position] == .carriageReturn, position + 1 < end, bytes[position + 1] == .lineFeed {
        position += 2
        break
      }
      try readField(bytes, &position)
      guard position <= limits.headerSectionSize else {
        throw SIPSyntaxError(.headerSectionTooLarge, offset: limits.headerSectionSize)
      }
    }
    guard position <= limits.headerSectionSize else {
      throw SIPSyntaxError(.headerSectionTooLarge, offset: limits.headerSectionSize)
    }
    return position
  }

  /// Reads one field with its folds and moves `position` to the line after it.
  private mutating func readField(_ bytes: Bytes, _ position: inout Int) throws(SIPSyntaxError) {
    let start = position
    let end = bytes.count
    let nameEnd = bytes.skipToken(start, end)
    let colon = bytes.skipBlanks(nameEnd, end)
    guard nameEnd > start, colon < end, bytes[colon] == .colon else {
      throw SIPSyntaxError(colon < end ? .malformedHeaderName : .incompleteHeaderSection, offset: colon)
    }
    let name = SIPHeaderName(bytes: UnsafeRawBufferPointer(rebasing: bytes[start..<nameEnd]))
    let line = try HeaderSection.line(bytes, colon + 1, name)
    var next = line.next
    var value = bytes.trimmed(line.content)
    var folded: [UInt8] = []
    var isFolded = false
    while next < end, bytes[next].isBlank {
      // A fold, however long, is one space (RFC 3261 §7.3.1).
      if !isFolded {
        isFolded = true
        folded.append(contentsOf: bytes[value])
      }
      let continuation = try HeaderSection.line(bytes, next, name)
      let text = bytes.trimmed(continuation.content)
      if !text.isEmpty {
        if !folded.isEmpty { folded.append(.space) }
        folded.append(contentsOf: bytes[text])
      }
      next = continuation.next
      guard next - start <= limits.headerSectionSize else {
        throw SIPSyntaxError(.headerSectionTooLarge, offset: start + limits.headerSectionSize)
      }
      value = value.lowerBound..<text.upperBound
    }
    guard value.upperBound - start <= limits.headerLength else {
      throw SIPSyntaxError(.headerTooLong, offset: start + limits.headerLength, header: name)
    }
    guard fields.count < limits.headerCount else { throw SIPSyntaxError(.tooManyHeaders, offset: start) }
    position = next
    do throws(SyntaxFault) {
      if isFolded {
        let text = String(decoding: folded, as: UTF8.self)
        do throws(SyntaxFault) {
          try scanning(text) { bytes throws(SyntaxFault) in try check(name, bytes, 0..<bytes.count) }
        } catch {
          // Where in the folds it was is lost; the field's own place is not.
          throw SyntaxFault(error.code, value.lowerBound)
        }
        if name != .contentLength { fields.append(SIPHeaders.Field(name, text)) }
      } else {
        try check(name, bytes, value)
        if name != .contentLength { fields.append(SIPHeaders.Field(name, bytes.text(value))) }
      }
    } catch {
      throw SIPSyntaxError(error, header: name)
    }
  }

  private static func line(
    _ bytes: Bytes, _ start: Int, _ name: SIPHeaderName
  ) throws(SIPSyntaxError) -> (content: Range<Int>, next: Int) {
    do throws(SyntaxFault) {
      return try StartLine.line(bytes, start)
    } catch {
      throw SIPSyntaxError(error, header: name)
    }
  }

  /// Checks the value of a header that the message cannot be handled without.
  private mutating func check(
    _ name: SIPHeaderName, _ bytes: Bytes, _ value: Range<Int>
  ) throws(SyntaxFault) {
    if HeaderNameSet.single.contains(name), !seen.insert(name) {
      throw SyntaxFault(.duplicateHeader, value.lowerBound)
    }
    switch name {
    case .via:
      viaCount += 1
      guard viaCount <= limits.viaCount else { throw SyntaxFault(.tooManyVias, value.lowerBound) }
      // The first is where the response goes, and who made the transaction; the others are not ours to read,
      // but every value in the line must have its end.
      if viaCount == 1 {
        try ViaLayout.scanList(bytes, value) { _ throws(SyntaxFault) in
          viaCount += 1
          guard viaCount - 1 <= limits.viaCount else { throw SyntaxFault(.tooManyVias, value.lowerBound) }
        }
        viaCount -= 1
      } else {
        try bytes.forEachElement(value) { _ throws(SyntaxFault) in viaCount += 1 }
        viaCount -= 1
        guard viaCount <= limits.viaCount else { throw SyntaxFault(.tooManyVias, value.lowerBound) }
      }
    case .from, .to, .referTo:
      let layout = try NameAddressLayout.scan(bytes, value.lowerBound, value.upperBound)
      guard layout.end == value.upperBound else { throw SyntaxFault(.malformedHeader, layout.end) }
    case .contact:
      if value.count == 1, bytes[value.lowerBound] == .asterisk { return }
      try NameAddressLayout.scanList(bytes, value) { _ in }
    case .route, .recordRoute, .path, .serviceRoute:
      try NameAddressLayout.scanList(bytes, value) { _ in }
    case .cSeq:
      let layout = try CSeqLayout.scan(bytes, value)
      cSeqMethod = bytes.text(layout.method)
    case .callID:
      guard !value.isEmpty else { throw SyntaxFault(.malformedHeader, value.lowerBound) }
      for i in value where bytes[i] <= .space || bytes[i] == 0x7f {
        throw SyntaxFault(.malformedHeader, i)
      }
    case .maxForwards:
      try checkDigits(bytes, value, limit: 255)
    case .rSeq:
      try checkDigits(bytes, value, limit: UInt64(UInt32.max))
    case .contentLength:
      guard let length = bytes.decimal(value, limit: UInt64(Int32.max)) else {
        throw SyntaxFault(.malformedContentLength, value.lowerBound)
      }
      contentLength = Int(length)
    default: break
    }
  }

  private func checkDigits(_ bytes: Bytes, _ value: Range<Int>, limit: UInt64) throws(SyntaxFault) {
    guard !value.isEmpty, value.allSatisfy({ bytes[$0].isDigit }) else {
      throw SyntaxFault(.malformedHeader, value.lowerBound)
    }
    guard bytes.decimal(value, limit: limit) != nil else {
      throw SyntaxFault(.numberOutOfRange, value.lowerBound)
    }
  }

  /// The headers without which a message can be neither matched nor answered (RFC 3261 §8.1.1), and CSeq
  /// against the method of the request.
  func checkRequired(_ bytes: Bytes, method: Range<Int>?, at offset: Int) throws(SIPSyntaxError) {
    guard viaCount > 0 else { throw SIPSyntaxError(.missingHeader, offset: offset, header: .via) }
    for name in [SIPHeaderName.from, .to, .callID, .cSeq] where !seen.contains(name) {
      throw SIPSyntaxError(.missingHeader, offset: offset, header: name)
    }
    guard let method, let cSeqMethod else { return }
    let isSame = cSeqMethod.utf8.elementsEqual(bytes[method])
    guard isSame else { throw SIPSyntaxError(.cSeqMethodMismatch, offset: offset, header: .cSeq) }
  }
}

/// A set of known header names, as bits.
struct HeaderNameSet: Sendable {
  private var bits: (UInt64, UInt64) = (0, 0)

  init(_ names: [SIPHeaderName] = []) {
    for name in names { insert(name) }
  }

  func contains(_ name: SIPHeaderName) -> Bool {
    let word = name.index < 64 ? bits.0 : bits.1
    return word >> UInt64(name.index & 63) & 1 != 0
  }

  /// Whether the name was not in the set before.
  @discardableResult
  mutating func insert(_ name: SIPHeaderName) -> Bool {
    if contains(name) { return false }
    if name.index < 64 {
      bits.0 |= 1 << UInt64(name.index)
    } else {
      bits.1 |= 1 << UInt64(name.index & 63)
    }
    return true
  }

  /// Headers of which a message has one at most, where a second would leave open which is meant.
  static let single = HeaderNameSet([
    .from, .to, .callID, .cSeq, .maxForwards, .contentType, .contentLength, .contentDisposition, .expires,
    .minExpires, .date, .rAck, .rSeq, .referTo, .referredBy, .replaces, .sessionExpires, .minSE, .event,
    .subscriptionState, .targetDialog, .join, .sipETag, .sipIfMatch, .mimeVersion,
  ])
}
