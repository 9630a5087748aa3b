import Glibc

/// Reads the files of a policy and those they include, each of them once, and puts them together.
///
/// What a file includes comes before what it says itself, so that order is that of the text with `include` at its top. A
/// file that two others include, or that stands in the directory too, is read where it is met first.
struct PolicyReading {
  /// Where relative paths in the policy start, and what no include leaves.
  let directory: String
  let source: PolicyFileSource
  let secrets: SecretSource
  let lists: ListSource
  let limits: PolicyLoader.Limits

  private(set) var assembly = PolicyAssembly()
  private(set) var files: [PolicyLoader.File] = []
  private var total = 0
  /// By identity, the place that included the file; nil inside for one of the directory itself.
  private var known: [String: SourcePosition?] = [:]
  /// The files that are being read, each included by the one before it.
  private var chain: [Link] = []
  private var isOver = false

  private struct Link {
    var identity: String
    var path: String
    /// Where its `include` stands.
    var place: SourcePosition?
  }

  init(
    directory: String, source: PolicyFileSource, secrets: SecretSource, lists: ListSource,
    limits: PolicyLoader.Limits
  ) {
    self.directory = directory
    self.source = source
    self.secrets = secrets
    self.lists = lists
    self.limits = limits
  }

  /// - Parameter known: the version, when the files are those of a policy that was kept.
  mutating func outcome(as known: PolicyVersion? = nil) -> PolicyLoader.Outcome {
    let version =
      known
      ?? PolicyVersion(
        files: (files + assembly.listFiles).map {
          (directory.isEmpty ? baseName($0.name) : relative($0.name), $0.bytes)
        })
    var outcome = assembly.finish(version: version)
    outcome.files = files
    outcome.listFiles = assembly.listFiles
    return outcome
  }

  // MARK: Files

  /// One file of the directory.
  mutating func read(_ name: String) { read(relative: name, at: nil, isByName: true) }

  /// One file that is in memory.
  mutating func add(_ file: PolicyLoader.File) {
    let identity = source.identity(file.name)
    if case .some(.some) = known[identity] { return }
    known[identity] = .some(nil)
    add(file, identity, at: nil)
  }

  private mutating func read(relative: String, at place: SourcePosition?, isByName: Bool) {
    let path = full(relative)
    let identity = source.identity(path)
    if let place, let start = chain.firstIndex(where: { $0.identity == identity }) {
      reportCycle(chain[start...], path, at: place)
      return
    }
    if let earlier = known[identity] {
      // That a file of the directory is also included says only where it belongs.
      if let place, let earlier, isByName {
        assembly.report(
          "include-twice", "\(path) is included in two places: it is read once", at: place,
          severity: earlier.file == place.file ? .warning : .note, related: [(earlier, "first included here")]
        )
      }
      return
    }
    guard !isOver else { return }
    guard chain.count <= limits.includeDepth else {
      assembly.addGap()
      reportOrFail("too-deep", "includes are nested more than \(limits.includeDepth) deep", path, at: place)
      return
    }
    guard files.count < limits.files else {
      isOver = true
      reportOrFail("too-large", "the policy has more than \(limits.files) files", path, at: place)
      return
    }
    known[identity] = .some(place)
    switch source.read(path, limits.fileSize) {
    case .failure(let failure): reportUnreadable(path, failure.reason, at: place)
    case .success(let bytes):
      total += bytes.count
      guard total <= limits.totalSize else {
        isOver = true
        reportOrFail(
          "too-large", "the files together have more than \(limits.totalSize) bytes", path, at: place)
        return
      }
      add(PolicyLoader.File(name: path, bytes: bytes), identity, at: place)
    }
  }

  private mutating func add(_ file: PolicyLoader.File, _ identity: String, at place: SourcePosition?) {
    files.append(file)
    guard let object = assembly.read(file, directory: directory, secrets: secrets, lists: lists) else {
      return
    }
    chain.append(Link(identity: identity, path: file.name, place: place))
    for item in object.list("include") ?? [] {
      guard case .text(let text) = item.content else {
        assembly.addGap()
        continue
      }
      include(text, at: item.position, in: file.name)
    }
    if case .invalid? = object.fields["include"]?.content { assembly.addGap() }
    chain.removeLast()
    assembly.put(object)
  }

  // MARK: Includes

  private mutating func include(_ text: String, at place: SourcePosition, in file: String) {
    guard let components = components(text, at: place, in: file) else { return }
    guard components.contains(where: PolicyReading.isWildcard) else {
      read(relative: components.joined(separator: "/"), at: place, isByName: true)
      return
    }
    switch matches(components) {
    case .failure(let failure):
      assembly.addGap()
      assembly.report(
        "unreadable", "the directory of “\(text)” cannot be read: \(failure.reason)", at: place)
    case .success(let found):
      let others = found.filter { $0 != relative(file) }
      if others.isEmpty {
        assembly.report(
          "include-empty", "no file matches “\(text)”", at: place, severity: .warning,
          suggestion: "only *.yaml and *.yml files are matched, and * stands for no /")
      }
      for name in others { read(relative: name, at: place, isByName: false) }
    }
  }

  /// The path below the policy's directory, in parts; nil, and a diagnostic, when it leads out of it.
  private mutating func components(_ text: String, at place: SourcePosition, in file: String) -> [String]? {
    func refuse(_ message: String, _ suggestion: String) -> [String]? {
      assembly.addGap()
      assembly.report("include-path", message, at: place, found: "“\(text)”", suggestion: suggestion)
      return nil
    }
    let outside = "put the file, or a symbolic link to it, into the directory of the policy"
    guard !text.isEmpty else { return refuse("an include names a file", "such as rules/*.yaml") }
    guard !text.hasPrefix("/") else {
      return refuse("an include is relative to the file it stands in", outside)
    }
    var result = relative(file).split(separator: "/").dropLast().map(String.init)
    for part in text.split(separator: "/") where part != "." {
      guard part != ".." else {
        guard !result.isEmpty else {
          return refuse("this include leads out of the policy's directory", outside)
        }
        result.removeLast()
        continue
      }
      guard !part.contains("**") else {
        return refuse("** is not known", "name the directories one by one: */*.yaml")
      }
      result.append(String(part))
    }
    guard !result.isEmpty else { return refuse("an include names a file", "such as rules/*.yaml") }
    return result
  }

  private static func isWildcard(_ component: String) -> Bool {
    component.contains { $0 == "*" || $0 == "?" || $0 == "[" }
  }

  /// The files that match, in the order of their names; hidden files and those that are no YAML do not.
  private func matches(_ components: [String]) -> Result<[String], SecretSource.Unavailable> {
    var found = [""]
    var isOpen = false
    for (number, component) in components.enumerated() {
      let isLast = number == components.count - 1
      guard isOpen || PolicyReading.isWildcard(component) else {
        found = found.map { PolicyReading.joined($0, component) }
        continue
      }
      var next: [String] = []
      for base in found {
        switch source.names(full(base)) {
        case .failure(let failure): if !isOpen { return .failure(failure) }
        case .success(let names):
          for name in names.sorted() where !name.hasPrefix(".") && fnmatch(component, name, 0) == 0 {
            if !isLast || PolicyFileSource.isYAML(name) { next.append(PolicyReading.joined(base, name)) }
          }
        }
        // One more than may be read: what is too much is said when it is read.
        if next.count > limits.files { break }
      }
      found = next
      isOpen = true
    }
    return .success(found)
  }

  // MARK: Reporting

  private mutating func reportCycle(_ links: ArraySlice<Link>, _ path: String, at place: SourcePosition) {
    assembly.addGap()
    let circle = (links.map(\.path) + [path]).joined(separator: " → ")
    assembly.report(
      "include-cycle", "these files include each other in a circle: \(circle)", at: place,
      suggestion: "remove one of these includes: a file is read once, whoever includes it",
      related: links.dropFirst().compactMap { link in link.place.map { ($0, "includes \(link.path)") } })
  }

  private mutating func reportUnreadable(_ path: String, _ reason: String, at place: SourcePosition?) {
    assembly.addGap()
    guard let place else {
      assembly.fail("unreadable", "the file cannot be read: \(reason)", path)
      return
    }
    let name = baseName(path)
    let directory = String(path.dropLast(name.utf8.count + 1))
    let others = (try? source.names(directory).get())?.filter { $0 != name && !$0.hasPrefix(".") } ?? []
    assembly.report(
      "unreadable", "the included file \(path) cannot be read: \(reason)", at: place,
      suggestion: others.contains(name)
        ? nil : nearest(to: name, in: others.sorted()).map { "did you mean “\($0)”?" })
  }

  private mutating func reportOrFail(
    _ code: String, _ message: String, _ path: String, at place: SourcePosition?
  ) {
    if let place { assembly.report(code, message, at: place) } else { assembly.fail(code, message, path) }
  }

  // MARK: Paths

  private static func joined(_ base: String, _ name: String) -> String {
    base.isEmpty ? name : "\(base)/\(name)"
  }

  private func full(_ relative: String) -> String {
    if relative.isEmpty { return directory.isEmpty ? "." : directory }
    return PolicyReading.joined(directory, relative)
  }

  private func relative(_ path: String) -> String {
    !directory.isEmpty && path.hasPrefix("\(directory)/")
      ? String(path.dropFirst(directory.count + 1)) : path
  }

  /// The version names content, not the place it was loaded from.
  private func baseName(_ path: String) -> String {
    path.split(separator: "/").last.map(String.init) ?? path
  }
}
